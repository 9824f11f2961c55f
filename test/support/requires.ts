import { existsSync } from 'node:fs';
import { describe } from 'vitest';

/** Something a suite needs of the machine: absent ones make it skip, visibly, with the reason in its name. */
export interface Requirement {
  readonly name: string;
  readonly met: boolean;
}

/** The real client, named by the environment variable `TALOSCTL`. */
export const talosctl: Requirement & { path: string } = {
  name: 'TALOSCTL',
  met: Boolean(process.env['TALOSCTL']),
  path: process.env['TALOSCTL'] ?? '',
};

/** The recordings and guides that lie beside the project where it is developed. */
export const shared: Requirement & { path: string } = {
  name: '../shared',
  met: existsSync(new URL('../../../shared/spec', import.meta.url)),
  path: new URL('../../../shared', import.meta.url).pathname,
};

export const rootUser: Requirement = { name: 'root', met: process.getuid?.() === 0 };

/** A program on this machine. */
export function program(name: string): Requirement {
  const folders = (process.env['PATH'] ?? '').split(':').concat('/usr/sbin', '/sbin', '/usr/bin', '/bin');
  return { name, met: folders.some(folder => existsSync(`${folder}/${name}`)) };
}

/** What emulated machines need; their image is made from packages of Debian for amd64. */
export const virtualMachines: readonly Requirement[] = [
  rootUser,
  { name: 'amd64', met: process.arch === 'x64' },
  ...['qemu-system-x86_64', 'mmdebstrap', 'sqfstar', 'cpio', 'depmod', 'ip'].map(program),
];

/** `describe`, skipped with `(needs …)` in its title where a requirement is not met. `scripts/test.mjs` reads that title. */
export function describeWith(requirements: readonly Requirement[], title: string, suite: () => void): void {
  const missing = requirements.filter(requirement => !requirement.met);
  if (missing.length === 0) describe(title, suite);
  else describe.skip(`${title} (needs ${missing.map(requirement => requirement.name).join(', needs ')})`, suite);
}
