import { TalosdError } from '../lib/errors.ts';
import { type Exec, execError } from './exec.ts';
import { ensureDir, exists } from './files.ts';

/** A block device with a file system on it. */
export interface Volume {
  readonly device: string;
  /** Type of its file system, as mount(8) names it. */
  readonly type: string;
}

/** Reaches file systems that are not mounted, for reading only. Rooms take this type. */
export interface VolumeReader {
  /** The first device whose file system has this label and one of these types; `not_found` where there is none. Nothing is opened for writing. */
  find(label: string, types: readonly string[], signal: AbortSignal): Promise<Volume>;
  /** Mounts it read-only; resolves with the folder. */
  mount(volume: Volume, signal: AbortSignal): Promise<string>;
  unmount(folder: string): Promise<void>;
}

/** Options that keep a mount from writing to the device at all: a journal is left as it is. */
const READ_ONLY: Record<string, string> = { xfs: 'ro,norecovery' };

/** Nothing was found: what blkid(8) says with its exit code. */
const BLKID_NOTHING = 2;

/** A reader that mounts on the given folder, which it makes if need be. */
export function volumeReader(exec: Exec, folder = '/mnt'): VolumeReader {
  return {
    find: async (label, types, signal) => {
      // Without a cache file, so that devices which came meanwhile are seen and nothing is written.
      const result = await exec('blkid', ['-c', '/dev/null', '-o', 'export', '-t', `LABEL=${label}`], { signal });
      if (result.failed && result.exitCode !== BLKID_NOTHING) throw execError(result);
      const volumes = result.stdout.split(/\n\s*\n/).map(readExport);
      const volume = volumes.find(({ device, type }) => device !== '' && types.includes(type));
      if (!volume) throw new TalosdError('not_found', `no block device has a file system labelled ${label}`);
      return volume;
    },
    mount: async ({ device, type }, signal) => {
      if (!(await exists(folder))) await ensureDir(folder);
      const mounted = await exec('mount', ['-t', type, '-o', READ_ONLY[type] ?? 'ro', device, folder], { signal });
      if (mounted.failed) throw execError(mounted);
      return folder;
    },
    unmount: async mounted => {
      const result = await exec('umount', [mounted]);
      if (result.failed) throw execError(result);
    },
  };
}

function readExport(block: string): Volume {
  const values = new Map(
    block.split('\n').map(line => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
  return { device: values.get('DEVNAME') ?? '', type: values.get('TYPE') ?? '' };
}
