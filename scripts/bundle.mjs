// Bundles src/main.ts into dist/, or into the folder named, split where the code imports lazily, so that start-up loads
// only what it needs.
import { copyFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { root } from './setup.mjs';

const folder = resolve(process.argv[2] ?? join(root, 'dist'));
rmSync(folder, { recursive: true, force: true });
await build({
  absWorkingDir: root,
  entryPoints: { talosd: 'src/main.ts' },
  outdir: folder,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  sourcemap: false,
  legalComments: 'linked',
  logLevel: 'warning',
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
});
// Not code: a program that DHCP clients call, found beside the code that names it.
copyFileSync(join(root, 'src', 'system', 'dhcp-hook'), join(folder, 'dhcp-hook'));
