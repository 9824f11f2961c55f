import { network } from './network.ts';
import { registries } from './registries.ts';
import { disk, install, systemDiskEncryption } from './storage.ts';
import { bool, field, fileMode, list, map, object, pemPair, string, type TypeOf } from './types.ts';

/** `machine.kubelet.extraMounts[]`: an OCI mount (machine-config.md §4.3). */
export const kubeletMount = object({
  destination: field(string, 'Where the mount appears in the kubelet.', { always: true }),
  type: field(string, 'The file system type, `bind` for a folder of the host.', { always: true }),
  source: field(string, 'The folder on the host; it is created if missing.', { always: true }),
  options: field(list(string), 'Mount options.', { always: true }),
});
export type KubeletMount = TypeOf<typeof kubeletMount>;

/** `machine.kubelet` (machine-config.md §4.3). */
export const kubelet = object({
  image: field(string, 'The image of the kubelet.', {
    example: 'ghcr.io/talos-systems/kubelet:v1.20.6',
    defaultText: 'ghcr.io/talos-systems/kubelet:v1.20.6',
  }),
  extraArgs: field(map(string), 'Flags added to those of the kubelet.', { example: 'key: value' }),
  extraMounts: field(list(kubeletMount), 'Folders of the host that the kubelet sees.', {
    example: '- destination: /var/lib/example\n  type: bind\n  source: /var/lib/example\n  options: [rshared, rw]',
  }),
  registerWithFQDN: field(bool, 'Whether the node registers under its full name.'),
});
export type KubeletConfig = TypeOf<typeof kubelet>;

/** `machine.files[]` (machine-config.md §4.7, §14.1). */
export const machineFile = object({
  content: field(string, 'The text of the file.', { always: true }),
  permissions: field(fileMode, 'The permissions of the file, in octal.', { always: true }),
  path: field(string, 'Where the file goes.', { always: true }),
  op: field(string, 'What is done: `create`, `append` or `overwrite`.', { always: true }),
});
export type MachineFile = TypeOf<typeof machineFile>;

/** `machine.time` (machine-config.md §4.8). */
export const time = object({
  disabled: field(bool, 'Whether the time service is left out; the clock then counts as right.', { always: true }),
  servers: field(list(string), 'NTP servers.', { example: '[time.cloudflare.com]', defaultText: 'pool.ntp.org' }),
});
export type TimeConfig = TypeOf<typeof time>;

/** `machine` (machine-config.md §4.2). */
export const machine = object({
  type: field(string, 'The role of the node: `init`, `controlplane`, `join` or `worker`.', {
    always: true,
    defaultText: 'join',
  }),
  token: field(string, 'The secret with which nodes join.', { example: '328hom.uqjzh6jnn2eie9oi', secret: true }),
  ca: field(pemPair, 'The CA of the node API.'),
  certSANs: field(list(string), 'Further names and addresses in the certificate of the node API.', {
    example: '[10.0.0.10, node.example.com]',
  }),
  kubelet: field(kubelet, 'The kubelet.'),
  network: field(network, 'The network of the node.'),
  disks: field(list(disk), 'Further disks to partition and mount.', {
    example: '- device: /dev/sdb\n  partitions:\n    - mountpoint: /var/mnt/extra',
  }),
  install: field(install, 'How the system is installed.', { example: 'disk: /dev/sda' }),
  files: field(list(machineFile), 'Files written at every boot.', {
    example: "- content: '...'\n  permissions: 0o644\n  path: /var/file.txt\n  op: create",
  }),
  env: field(map(string), 'Environment of the agent and all services.', {
    example: 'https_proxy: http://proxy.example.com:8080',
  }),
  time: field(time, 'Where the clock takes its time from.', { example: 'servers: [time.cloudflare.com]' }),
  sysctls: field(map(string), 'Kernel parameters.', { example: 'net.ipv4.ip_forward: "0"' }),
  registries: field(registries, 'Mirrors, TLS and credentials of image registries.'),
  systemDiskEncryption: field(systemDiskEncryption, 'Encryption of the system partitions.', {
    example: 'ephemeral:\n  provider: luks2\n  keys:\n    - nodeID: {}\n      slot: 0',
  }),
});
export type MachineSection = TypeOf<typeof machine>;
