import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Disk } from '../gen/storage/storage.ts';
import { TalosdError } from '../lib/errors.ts';
import { readFileIfExists } from './files.ts';

/** Names of block devices that are no disks: generic and optical SCSI, loop, RAID, device mapper, RAM disks. */
const NOT_DISKS = /^(sg|sr|loop|md|dm-|ram)/;

/** The unit of `size` in sysfs, whatever the disk's own blocks are. */
const SECTOR = 512n;

/** The disks of the machine in order of name: spec/api.md §2.9. One whose size can't be read is left out. */
export async function listDisks(sysBlock = '/sys/block'): Promise<Disk[]> {
  const names = (await readdir(sysBlock)).filter(name => !NOT_DISKS.test(name)).sort();
  const disks = await Promise.all(
    names.map(async name => {
      const [sectors, model] = await Promise.all([
        readText(join(sysBlock, name, 'size')),
        readText(join(sysBlock, name, 'device/model')),
      ]);
      if (!/^\d+\s*$/.test(sectors)) return [];
      return [{ deviceName: `/dev/${name}`, size: BigInt(sectors.trim()) * SECTOR, model }];
    }),
  );
  return disks.flat();
}

/** Empty for a file that is missing or that the driver fails to fill. */
async function readText(path: string): Promise<string> {
  try {
    return (await readFileIfExists(path))?.toString() ?? '';
  } catch (error) {
    if (error instanceof TalosdError && error.code === 'unknown') return '';
    throw error;
  }
}
