import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import { project } from './node.ts';

/** `networkd-process.ts` as one file, and what it needs beside it, for a machine that has no sources: text by path. */
export async function networkdBundle(): Promise<Record<string, string>> {
  const { outputFiles } = await build({
    ...{ absWorkingDir: project, entryPoints: ['test/support/networkd-process.ts'], outdir: 'driver', write: false },
    ...{ bundle: true, format: 'esm', platform: 'node', target: 'node24', outExtension: { '.js': '.mjs' } },
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
  });
  return {
    'driver/networkd.mjs': outputFiles[0]!.text,
    'driver/dhcp-hook': await readFile(join(project, 'src/system/dhcp-hook'), 'utf8'),
  };
}
