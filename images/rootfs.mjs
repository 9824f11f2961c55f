// What all images are made of: Debian packages as a tar archive, our own files as a folder, both joined into one archive.
import { spawn, spawnSync } from 'node:child_process';
import { createHash, randomInt } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
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
import { basename, join } from 'node:path';
import { NODE_FLAGS, nodeBinary, root, run } from '../scripts/setup.mjs';

/** The agent's environment in which Node finds the compile cache that `layOut` made; it holds for `NODE_FLAGS` only. */
export const NODE_ENVIRONMENT = {
  NODE_COMPILE_CACHE: '/usr/lib/talosd/compile-cache',
  NODE_COMPILE_CACHE_PORTABLE: '1',
};
/** What the agent drives or needs. catatonit is PID 1: it reaps orphans and forwards signals. */
export const AGENT_PACKAGES = [
  'busybox',
  'ca-certificates',
  'catatonit',
  'dhcpcd-base',
  'iproute2',
  'iputils-arping',
  'wireguard-tools',
];
const SUITE = 'bookworm';
const MIRROR_FILE = '/etc/apt/sources.list.d/debian.sources';

/** Where everything is kept that costs time to make. */
export const outFolder = join(root, '_out');

/** First characters of a hash over JSON values and buffers: the name of what is made from them. */
export function contentKey(...parts) {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(Buffer.isBuffer(part) ? part : JSON.stringify(part));
  return hash.digest('hex').slice(0, 12);
}

/** The file in _out/ of that name; `make` writes it to the path that it gets, unless it is there already. */
export async function cached(name, make) {
  const file = join(outFolder, name);
  if (existsSync(file)) return file;
  mkdirSync(outFolder, { recursive: true });
  const unfinished = `${file}.${process.pid}.unfinished`;
  try {
    await make(unfinished);
    renameSync(unfinished, file);
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
  return file;
}

/** A tar archive of these Debian packages and what they need, without documentation. Made once per package list. */
export function debianRootfs(packages) {
  return cached(`rootfs-${contentKey([SUITE, packages])}.tar`, file => {
    console.log(`making ${file} with mmdebstrap…`);
    run('mmdebstrap', [
      '--quiet',
      '--format=tar',
      '--variant=minbase',
      `--include=${packages.join(',')}`,
      '--dpkgopt=path-exclude=/usr/share/{doc,info,man,locale}/*',
      '--aptopt=Acquire::Check-Valid-Until "false"',
      '--customize-hook=rm -rf "$1"/usr/share/doc "$1"/usr/share/man "$1"/usr/share/locale "$1"/var/cache/* "$1"/var/lib/apt/lists/*',
      SUITE,
      file,
      ...(existsSync(MIRROR_FILE) ? [MIRROR_FILE] : []),
    ]);
  });
}

/** Our own files in a folder that is laid over the Debian part: the bundle, its Node, and the folders that guides expect. */
export async function layOut(folder, bundle) {
  const library = join(folder, 'usr', 'lib', 'talosd');
  mkdirSync(library, { recursive: true });
  cpSync(bundle, library, { recursive: true });
  await makeCompileCache(library);
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

/**
 * Compiled code of everything that a node runs until it serves, beside the bundle: a node runs here for a moment, with the
 * flags and the relative paths of the image, without which Node would not take the cache.
 */
async function makeCompileCache(library) {
  const state = mkdtempSync(join(tmpdir(), 'talosd-cache-'));
  const cache = join(library, basename(NODE_ENVIRONMENT.NODE_COMPILE_CACHE));
  const address = `127.${randomInt(1, 255)}.${randomInt(1, 255)}.${randomInt(1, 255)}`;
  const args = [...NODE_FLAGS, join(library, 'talosd.mjs'), 'run', '--listen', address, '--state', state];
  const env = { ...process.env, ...NODE_ENVIRONMENT, NODE_COMPILE_CACHE: cache, PLATFORM: 'local' };
  try {
    const node = spawn(nodeBinary(), args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(node, 'exit');
    node.stdout.once('data', () => node.kill('SIGTERM')); // its first words are that it is up
    const late = setTimeout(() => node.kill('SIGKILL'), 120_000);
    const [code] = await ended;
    clearTimeout(late);
    if (code !== 0) throw new Error(`the node that fills the compile cache ended with ${code}`);
  } finally {
    rmSync(state, { recursive: true, force: true });
  }
}

/** Writes one archive with the base's paths and, of the folder, what the base lacks: readers take each path once. */
export function joinArchive(base, folder, target) {
  copyFileSync(base, target);
  const known = new Set(listArchive(base));
  const added = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter(path => !known.has(path))
    .sort();
  const append = ['--append', '--owner=0', '--group=0', '--numeric-owner', '--no-recursion', '-f', target];
  run('tar', [...append, '-C', folder, '-T', '-'], {
    input: added.join('\n'),
    stdio: ['pipe', 'inherit', 'inherit'],
  });
}

/** Paths in a tar archive, as `a/b`. */
function listArchive(file) {
  const { status, stdout } = spawnSync('tar', ['-tf', file], { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  if (status !== 0) throw new Error(`${file} is no tar archive: remove it and try again`);
  return stdout.split('\n').map(path => path.replace(/^\.\//, '').replace(/\/$/, ''));
}
