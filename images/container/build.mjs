// `make image`: the Docker image talosd:latest, from Debian packages and our bundle, without any registry.
//
// The Debian part is made once per package list and kept in _out/, so a change of the agent costs seconds.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installPackages, nodeBinary, root, run } from '../../scripts/setup.mjs';

/** What the agent drives or needs inside a container. catatonit is PID 1: it reaps orphans and forwards signals. */
const DEBIAN_PACKAGES = ['busybox', 'ca-certificates', 'catatonit', 'iproute2', 'wireguard-tools'];
const SUITE = 'bookworm';
const MIRROR_FILE = '/etc/apt/sources.list.d/debian.sources';
const tag = process.argv[2] ?? 'talosd:latest';

installPackages();
const bundle = join(root, '_out', 'bundle');
run(process.execPath, [join(root, 'scripts', 'bundle.mjs'), bundle]);
const base = baseRootfs();
const overlay = mkdtempSync(join(tmpdir(), 'talosd-image-'));
try {
  layOut(overlay);
  await importImage(base, overlay);
} finally {
  rmSync(overlay, { recursive: true, force: true });
}

function baseRootfs() {
  const key = createHash('sha256')
    .update(JSON.stringify([SUITE, DEBIAN_PACKAGES]))
    .digest('hex')
    .slice(0, 12);
  const file = join(root, '_out', `rootfs-${key}.tar`);
  if (existsSync(file)) return file;
  mkdirSync(join(root, '_out'), { recursive: true });
  console.log(`making ${file} with mmdebstrap…`);
  const unfinished = `${file}.unfinished`;
  run('mmdebstrap', [
    '--quiet',
    '--format=tar',
    '--variant=minbase',
    `--include=${DEBIAN_PACKAGES.join(',')}`,
    '--dpkgopt=path-exclude=/usr/share/{doc,info,man,locale}/*',
    '--aptopt=Acquire::Check-Valid-Until "false"',
    '--customize-hook=rm -rf "$1"/usr/share/doc "$1"/usr/share/man "$1"/usr/share/locale "$1"/var/cache/* "$1"/var/lib/apt/lists/*',
    SUITE,
    unfinished,
    ...(existsSync(MIRROR_FILE) ? [MIRROR_FILE] : []),
  ]);
  renameSync(unfinished, file);
  return file;
}

/** Our own files, laid over the Debian part. */
function layOut(folder) {
  const library = join(folder, 'usr', 'lib', 'talosd');
  mkdirSync(library, { recursive: true });
  cpSync(bundle, library, { recursive: true });
  mkdirSync(join(folder, 'usr', 'bin'), { recursive: true });
  cpSync(nodeBinary(), join(folder, 'usr', 'bin', 'node'), { dereference: true });
  chmodSync(join(folder, 'usr', 'bin', 'node'), 0o755);
  writeFileSync(
    join(folder, 'usr', 'bin', 'talosd'),
    '#!/bin/sh\nexec /usr/bin/node /usr/lib/talosd/talosd.mjs "$@"\n',
    { mode: 0o755 },
  );
  // Guide 3 appends to this file, and an append needs a regular file to begin with.
  mkdirSync(join(folder, 'etc', 'ssl', 'certs'), { recursive: true });
  writeFileSync(join(folder, 'etc', 'ssl', 'certs', 'ca-certificates'), '');
  for (const path of ['system', 'etc/kubernetes/manifests', 'etc/cni', 'usr/libexec/kubernetes', 'opt']) {
    mkdirSync(join(folder, path), { recursive: true });
  }
}

/** Paths in a tar archive, as `a/b`. */
function listArchive(file) {
  const { status, stdout } = spawnSync('tar', ['-tf', file], { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  if (status !== 0) throw new Error(`${file} is no tar archive: remove it and try again`);
  return stdout.split('\n').map(path => path.replace(/^\.\//, '').replace(/\/$/, ''));
}

/** Both parts as one archive into `docker import`, which takes each path once: of our part only what the Debian part lacks. */
async function importImage(baseTar, overlayFolder) {
  const joined = join(overlayFolder, '..', `talosd-image-${process.pid}.tar`);
  try {
    cpSync(baseTar, joined);
    const known = new Set(listArchive(baseTar));
    const added = readdirSync(overlayFolder, { recursive: true, encoding: 'utf8' })
      .filter(path => !known.has(path))
      .sort();
    const append = ['--append', '--owner=0', '--group=0', '--numeric-owner', '--no-recursion', '-f', joined];
    run('tar', [...append, '-C', overlayFolder, '-T', '-'], {
      input: added.join('\n'),
      stdio: ['pipe', 'inherit', 'inherit'],
    });
    const args = [
      'import',
      '--change',
      'ENTRYPOINT ["/usr/bin/catatonit", "-g", "--", "/usr/bin/node", "--max-semi-space-size=2", "/usr/lib/talosd/talosd.mjs", "run"]',
      '--change',
      'ENV PLATFORM=container PATH=/sbin:/bin:/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin:/opt/cni/bin',
      '--change',
      'EXPOSE 50000 50001',
      joined,
      tag,
    ];
    const child = spawn('docker', args, { stdio: ['ignore', 'ignore', 'inherit'] });
    const code = await new Promise((resolve, reject) => child.on('exit', resolve).on('error', reject));
    if (code !== 0) throw new Error(`docker import ended with code ${code}`);
  } finally {
    rmSync(joined, { force: true });
  }
  const size = spawnSync('docker', ['image', 'inspect', '--format', '{{.Size}}', tag], {
    encoding: 'utf8',
  }).stdout.trim();
  console.log(`${tag}: ${(Number(size) / 1e6).toFixed(0)} MB`);
}
