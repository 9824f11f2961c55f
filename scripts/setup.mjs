// Brings a fresh clone to the point where everything runs. Plain Node 20, no dependencies.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Arguments of Node for the agent, wherever it runs: a small young generation keeps its resident memory small. */
export const NODE_FLAGS = JSON.parse(readFileSync(join(root, 'scripts', 'node-flags.json'), 'utf8'));

/** Runs a program with the terminal's own input and output; ends this process with its code where it fails. */
export function run(program, args, options = {}) {
  const result = spawnSync(program, args, { cwd: root, stdio: 'inherit', ...options });
  if (result.error) {
    console.error(`cannot run ${program}: ${result.error.message}`);
    process.exit(1);
  }
  if (result.status !== 0) process.exit(result.status ?? 1);
}

/** The Node that npm installed for this machine; everything of this project runs on it. */
export function nodeBinary() {
  const path = join(root, 'node_modules', `node-linux-${process.arch}`, 'bin', 'node');
  return existsSync(path) ? path : process.execPath;
}

/** Environment in which `npx`-style programs find the project's Node first. */
export function projectEnvironment(extra = {}) {
  return { ...process.env, PATH: `${join(root, 'node_modules', '.bin')}:${process.env.PATH}`, ...extra };
}

/** Installs the npm packages unless the installed ones belong to this very lock file. */
export function installPackages() {
  const stamp = join(root, 'node_modules', '.talosd-lock');
  const lock = readFileSync(join(root, 'package-lock.json'), 'utf8');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return;
  console.log('installing npm packages…');
  // Not `npm ci`: it insists on lock entries for the other platforms' optional packages, which some registries do not
  // carry. `--no-save` leaves the lock file alone; none of our packages needs its install script.
  run('npm', ['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']);
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, lock);
}

/** Debian packages that the suites in `test/` drive, with a file by which each is recognised. */
const SYSTEM_PACKAGES = [
  ['iproute2', '/usr/sbin/ip', '/sbin/ip', '/usr/bin/ip'],
  ['openssl', '/usr/bin/openssl'],
  ['docker.io', '/usr/sbin/dockerd', '/usr/bin/dockerd'],
  ['mmdebstrap', '/usr/bin/mmdebstrap'],
  ['catatonit', '/usr/bin/catatonit'],
  ['qemu-system-x86', '/usr/bin/qemu-system-x86_64'],
  ['squashfs-tools', '/usr/bin/sqfstar'],
  ['cpio', '/usr/bin/cpio'],
  ['kmod', '/usr/sbin/depmod', '/sbin/depmod'],
  ['dnsmasq-base', '/usr/sbin/dnsmasq'],
  ['busybox', '/usr/bin/busybox', '/bin/busybox'],
  ['dhcpcd-base', '/usr/sbin/dhcpcd', '/sbin/dhcpcd'],
  ['tcpdump', '/usr/bin/tcpdump', '/usr/sbin/tcpdump'],
  ['wireguard-tools', '/usr/bin/wg'],
  ['iputils-arping', '/usr/bin/arping', '/usr/sbin/arping'],
];

/** Installs missing system programs where that is possible; elsewhere the suites that need them skip and say so. */
export function installSystemPackages() {
  const missing = SYSTEM_PACKAGES.filter(([, ...paths]) => !paths.some(exists)).map(([name]) => name);
  if (missing.length === 0) return;
  if (process.getuid?.() !== 0 || !exists('/usr/bin/apt-get')) {
    console.log(
      `not installed here (needs root and apt): ${missing.join(', ')}; suites that need them will be skipped`,
    );
    return;
  }
  console.log(`installing system packages: ${missing.join(', ')}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  run('apt-get', ['update', '-qq'], { env });
  run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...missing], {
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

function exists(path) {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}
