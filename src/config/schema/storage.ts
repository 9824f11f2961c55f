import { bool, field, int, list, object, size, string, type TypeOf } from './types.ts';

/** `machine.disks[].partitions[]` (machine-config.md §4.5). */
export const diskPartition = object({
  size: field(size, 'The size of the partition; 0 takes the rest of the disk and is for the last one only.', {
    example: '100 MB',
  }),
  mountpoint: field(string, 'The folder, below `/var`, where the partition is mounted.'),
});
export type DiskPartition = TypeOf<typeof diskPartition>;

/** `machine.disks[]` (machine-config.md §4.5). */
export const disk = object({
  device: field(string, 'The block device.'),
  partitions: field(list(diskPartition), 'Its partitions, in order.'),
});
export type Disk = TypeOf<typeof disk>;

/** `machine.install` (machine-config.md §4.6). */
export const install = object({
  disk: field(string, 'The disk on which the system is installed.', { example: '/dev/sda' }),
  extraKernelArgs: field(list(string), 'Arguments added to the kernel command line.', {
    example: '[console=ttyS1, panic=10]',
  }),
  image: field(string, 'The installer image.', { defaultText: 'the installer of the running release' }),
  bootloader: field(bool, 'Accepted for older files; the bootloader is always installed.'),
  wipe: field(bool, 'Whether the disk is zeroed before the first install.', { always: true }),
});
export type InstallConfig = TypeOf<typeof install>;

/** `keys[]` of an encrypted system partition (machine-config.md §4.10; `keySlot` as the guides spell it, §15). */
export const encryptionKey = object({
  static: field(
    object({ passphrase: field(string, 'The passphrase, taken literally.', { secret: true }) }),
    'A passphrase written in the configuration.',
  ),
  nodeID: field(object({}), 'A passphrase derived from the identity of the machine and the partition label.'),
  slot: field(int, 'The LUKS2 key slot.', { always: true, alias: 'keySlot' }),
});
export type EncryptionKey = TypeOf<typeof encryptionKey>;

/** `machine.systemDiskEncryption.state` and `.ephemeral` (machine-config.md §4.10, §15). */
export const partitionEncryption = object({
  provider: field(string, 'The kind of encryption.', { example: 'luks2', defaultText: 'luks2' }),
  keys: field(list(encryptionKey), 'The keys that open the partition.', { always: true }),
  cipher: field(string, 'The cipher.', { example: 'aes-xts-plain64', defaultText: 'aes-xts-plain64' }),
});
export type PartitionEncryption = TypeOf<typeof partitionEncryption>;

/** `machine.systemDiskEncryption` (machine-config.md §4.10). */
export const systemDiskEncryption = object({
  state: field(partitionEncryption, 'Encryption of the partition that holds the configuration.'),
  ephemeral: field(partitionEncryption, 'Encryption of the partition mounted at `/var`.'),
});
export type SystemDiskEncryption = TypeOf<typeof systemDiskEncryption>;
