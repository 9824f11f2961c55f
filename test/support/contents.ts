import { chmod, lutimes, mkdir, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The time of everything in the tree: long ago, so that listings show the year. */
const OLD = new Date('2020-02-03T04:05:00Z');

/** A small tree of known sizes, modes and times. */
export async function makeTree(root: string): Promise<void> {
  await mkdir(join(root, 'sub'), { recursive: true });
  await writeFile(join(root, 'file'), 'hello\n');
  await writeFile(join(root, 'sub/big'), Buffer.alloc(70_000, 'x'));
  await symlink('file', join(root, 'link'));
  await lutimes(join(root, 'link'), OLD, OLD);
  for (const [path, mode] of [
    ['file', 0o640],
    ['sub/big', 0o755],
    ['sub', 0o700],
    ['.', 0o755],
  ] as const) {
    await chmod(join(root, path), mode);
    await utimes(join(root, path), OLD, OLD);
  }
}

/** What `memory -v` prints, in its order: the golden recording. */
export const MEMORY_KEYS =
  'NODE MemTotal MemFree MemAvailable Buffers Cached SwapCached Active Inactive ActiveAnon InactiveAnon ActiveFile InactiveFile Unevictable Mlocked SwapTotal SwapFree Dirty Writeback AnonPages Mapped Shmem Slab SReclaimable SUnreclaim KernelStack PageTables NFSUnstable Bounce WritebackTmp CommitLimit CommittedAS VmallocTotal VmallocUsed VmallocChunk HardwareCorrupted AnonHugePages ShmemHugePages ShmemPmdMapped CmaTotal CmaFree HugePagesTotal HugePagesFree HugePagesRsvd HugePagesSurp Hugepagesize DirectMap4k DirectMap2M DirectMap1G '.split(
    ' ',
  );

/** The resource types of the contract (spec/resources.md); more may come. */
export const DEFINITIONS = [
  'bootstrapstatuses.v1alpha1.talos.dev',
  'etcdsecrets.secrets.talos.dev',
  'kubernetescontrolplaneconfigs.config.talos.dev',
  'kubernetessecrets.secrets.talos.dev',
  'machineconfigs.config.talos.dev',
  'machinetypes.config.talos.dev',
  'manifests.kubernetes.talos.dev',
  'manifeststatuses.kubernetes.talos.dev',
  'namespaces.meta.cosi.dev',
  'resourcedefinitions.meta.cosi.dev',
  'rootsecrets.secrets.talos.dev',
  'secretstatuses.kubernetes.talos.dev',
  'services.v1alpha1.talos.dev',
  'staticpods.kubernetes.talos.dev',
  'staticpodstatuses.kubernetes.talos.dev',
  'timestatuses.v1alpha1.talos.dev',
];
