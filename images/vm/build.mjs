// What a virtual machine boots, from Debian packages and our bundle, without any registry: the kernel, an initramfs that
// finds the root, and the root itself as a squashfs for a virtio disk with the serial number `rootfs`.
//
// Prints `{"kernel", "initramfs", "rootfs"}`, three paths in _out/ whose names say what they were made from: what is
// there already is not made again.
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installPackages, NODE_FLAGS, nodeBinary, root, run } from '../../scripts/setup.mjs';
import {
  AGENT_PACKAGES,
  cached,
  contentKey,
  debianRootfs,
  joinArchive,
  layOut,
  NODE_ENVIRONMENT,
  outFolder,
} from '../rootfs.mjs';

/** Beside what the agent needs everywhere: programs for the modules of its own kernel. */
const DEBIAN_PACKAGES = [...AGENT_PACKAGES, 'kmod'];
const KERNEL = 'linux-image-cloud-amd64';
/** What the way to the root and to the network needs, and what no one else would load: there is no udev this early. */
const EARLY_MODULES = ['virtio_pci', 'virtio_blk', 'virtio_net', 'squashfs', 'overlay'];
/** These drivers make a first link by themselves as soon as they are loaded, unless told not to. */
const MODULE_OPTIONS = 'options bonding max_bonds=0\noptions dummy numdummies=0\n';
/** How many roots are kept: the agent of another checkout or of an hour ago may still be of use. */
const KEPT_ROOTS = 3;
const here = fileURLToPath(new URL('.', import.meta.url));
const recipe = [
  NODE_FLAGS,
  ...['build.mjs', '../rootfs.mjs', 'initramfs/init', 'initramfs/steps'].map(file => readFileSync(join(here, file))),
];
const silently = { stdio: ['ignore', 'ignore', 'inherit'] };

installPackages();
const kernel = await unpackKernel();
const work = mkdtempSync(join(tmpdir(), 'talosd-vm-'));
try {
  const initramfs = await makeInitramfs();
  const rootfs = await makeRootfs();
  console.log(JSON.stringify({ kernel: join(kernel.folder, 'vmlinuz'), initramfs, rootfs }));
} finally {
  rmSync(work, { recursive: true, force: true });
}

/** Debian's kernel for virtual machines: `vmlinuz`, and `lib/modules/<version>` with its index. */
async function unpackKernel() {
  let name = concreteKernel();
  if (!name) {
    run('apt-get', ['update', '-qq'], silently);
    name = concreteKernel();
  }
  if (!name) throw new Error(`apt knows no ${KERNEL}: machine images are made on Debian for amd64 only`);
  const version = name.replace('linux-image-', '');
  const folder = await unpacked(name, folder => {
    run('depmod', ['-b', folder, version]);
    renameSync(join(folder, 'boot', `vmlinuz-${version}`), join(folder, 'vmlinuz'));
    for (const rest of ['boot', 'usr']) rmSync(join(folder, rest), { recursive: true });
  });
  return { folder, version, modules: join(folder, 'lib', 'modules', version) };
}

/** The package that the name without a version stands for today. */
function concreteKernel() {
  const { stdout } = spawnSync('apt-cache', ['depends', KERNEL], { encoding: 'utf8' });
  return /Depends: (linux-image-\S+)/.exec(stdout ?? '')?.[1];
}

/** The files of a Debian package in a folder, as `finish` leaves them. */
function unpacked(name, finish = () => {}) {
  return cached(`deb-${name}`, folder => {
    const download = join(folder, 'download');
    mkdirSync(download, { recursive: true });
    run('apt-get', ['download', '-qq', '-o', 'APT::Sandbox::User=root', name], { cwd: download, ...silently });
    for (const file of readdirSync(download)) run('dpkg', ['-x', join(download, file), folder]);
    rmSync(download, { recursive: true });
    finish(folder);
  });
}

/** The early modules and what they need, each after what it needs: paths below the kernel's module folder. */
function earlyModules() {
  const needs = new Map(
    readFileSync(join(kernel.modules, 'modules.dep'), 'utf8')
      .trim()
      .split('\n')
      .map(line => line.split(': '))
      .map(([path, rest = '']) => [path.replace(/:$/, ''), rest.split(' ').filter(Boolean)]),
  );
  const byName = new Map([...needs.keys()].map(path => [basename(path, '.ko'), path]));
  const ordered = new Set();
  const add = path => {
    for (const needed of needs.get(path)) if (!ordered.has(needed)) add(needed);
    ordered.add(path);
  };
  for (const name of EARLY_MODULES) add(byName.get(name) ?? missing(`${KERNEL} has no module ${name}`));
  return [...ordered];
}

function missing(message) {
  throw new Error(message);
}

/** Not compressed: the emulated processor would need longer to unpack than to read it. */
async function makeInitramfs() {
  const busybox = join(await unpacked('busybox-static'), 'bin', 'busybox');
  return cached(`vm-initramfs-${contentKey(kernel.version, ...recipe)}.cpio`, file => {
    const folder = join(work, 'initramfs');
    for (const path of ['bin', 'modules', 'proc', 'sys', 'dev', 'image', 'changes', 'root'])
      mkdirSync(join(folder, path), { recursive: true });
    cpSync(join(here, 'initramfs'), folder, { recursive: true });
    cpSync(busybox, join(folder, 'bin', 'busybox'));
    const modules = earlyModules();
    for (const path of modules) cpSync(join(kernel.modules, path), join(folder, 'modules', basename(path)));
    writeFileSync(join(folder, 'modules', 'order'), modules.map(path => `${basename(path)}\n`).join(''));
    const environment = Object.entries(NODE_ENVIRONMENT).map(([key, value]) => `export ${key}=${value}\n`);
    writeFileSync(join(folder, 'agent'), `${environment.join('')}node_flags='${NODE_FLAGS.join(' ')}'\n`);
    run('chown', ['-R', '0:0', folder]);
    const archive = openSync(file, 'w');
    run('cpio', ['-o', '-H', 'newc', '--quiet'], {
      cwd: folder,
      input: readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort().join('\n'),
      stdio: ['pipe', archive, 'inherit'],
    });
    closeSync(archive);
  });
}

async function makeRootfs() {
  const base = await debianRootfs(DEBIAN_PACKAGES);
  const bundle = join(work, 'bundle');
  run(process.execPath, [join(root, 'scripts', 'bundle.mjs'), bundle]);
  const code = readdirSync(bundle)
    .sort()
    .map(file => readFileSync(join(bundle, file)));
  const node = spawnSync(nodeBinary(), ['--version'], { encoding: 'utf8' }).stdout;
  const rootfs = await cached(
    `vm-rootfs-${contentKey(base, kernel.version, node, ...recipe, ...code)}.squashfs`,
    async file => {
      const files = join(work, 'files');
      await layOut(files, bundle);
      cpSync(kernel.modules, join(files, 'usr', 'lib', 'modules', kernel.version), { recursive: true });
      mkdirSync(join(files, 'etc', 'modprobe.d'), { recursive: true });
      writeFileSync(join(files, 'etc', 'modprobe.d', 'talosd.conf'), MODULE_OPTIONS);
      joinArchive(base, files, join(work, 'rootfs.tar'));
      const archive = openSync(join(work, 'rootfs.tar'));
      run('sqfstar', ['-comp', 'lz4', '-quiet', '-no-progress', file], { stdio: [archive, 'ignore', 'ignore'] });
      closeSync(archive);
    },
  );
  removeOldRoots();
  return rootfs;
}

function removeOldRoots() {
  const roots = readdirSync(outFolder).filter(name => /^vm-rootfs-.*\.squashfs$/.test(name));
  const age = name => statSync(join(outFolder, name)).mtimeMs;
  for (const name of roots.sort((a, b) => age(b) - age(a)).slice(KEPT_ROOTS)) rmSync(join(outFolder, name));
}
