// `make image`: the Docker image talosd:latest, from Debian packages and our bundle, without any registry.
//
// The Debian part is made once per package list and kept in _out/, so a change of the agent costs seconds.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installPackages, NODE_FLAGS, root, run } from '../../scripts/setup.mjs';
import { AGENT_PACKAGES, debianRootfs, joinArchive, layOut, NODE_ENVIRONMENT, outFolder } from '../rootfs.mjs';

const tag = process.argv[2] ?? 'talosd:latest';

needs('docker', ['info'], 'a running Docker');
needs('mmdebstrap', ['--version'], 'mmdebstrap');
installPackages();
const bundle = join(outFolder, 'bundle');
run(process.execPath, [join(root, 'scripts', 'bundle.mjs'), bundle]);
const base = await debianRootfs(AGENT_PACKAGES);
const work = mkdtempSync(join(tmpdir(), 'talosd-image-'));
try {
  await layOut(join(work, 'files'), bundle);
  joinArchive(base, join(work, 'files'), join(work, 'image.tar'));
  await importImage(join(work, 'image.tar'));
} finally {
  rmSync(work, { recursive: true, force: true });
}

/** Ends with one line before minutes are spent. */
function needs(program, args, what) {
  const { status, error, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  if (status === 0) return;
  console.error(`an image needs ${what}: ${(error?.message ?? stderr).trim().split('\n').at(-1)}`);
  process.exit(1);
}

async function importImage(archive) {
  const command = [
    '/usr/bin/catatonit',
    '-g',
    '--',
    '/usr/bin/node',
    ...NODE_FLAGS,
    '/usr/lib/talosd/talosd.mjs',
    'run',
  ];
  const environment = Object.entries(NODE_ENVIRONMENT).map(([key, value]) => `${key}=${value}`);
  const args = [
    'import',
    '--change',
    `ENTRYPOINT ${JSON.stringify(command)}`,
    '--change',
    `ENV PLATFORM=container ${environment.join(' ')} PATH=/sbin:/bin:/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin:/opt/cni/bin`,
    '--change',
    'EXPOSE 50000 50001',
    archive,
    tag,
  ];
  const child = spawn('docker', args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const code = await new Promise((resolve, reject) => child.on('exit', resolve).on('error', reject));
  if (code !== 0) throw new Error(`docker import ended with code ${code}`);
  const size = spawnSync('docker', ['image', 'inspect', '--format', '{{.Size}}', tag], {
    encoding: 'utf8',
  }).stdout.trim();
  console.log(`${tag}: ${(Number(size) / 1e6).toFixed(0)} MB`);
}
