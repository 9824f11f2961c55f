import { endianness } from 'node:os';
import { join } from 'node:path';
import { readFileLimited } from './files.ts';
import {
  parseCpuInfo,
  parseDiskStats,
  parseLoadAvg,
  parseMemInfo,
  parseMounts,
  parseNetDev,
  parseSystemStat,
} from './procfs-parse.ts';

/** Reads what /proc says of the machine as a whole: spec/api.md §2.4, LoadAvg to SystemStat. One file read a call. */
export class ProcFs {
  readonly root: string;
  #pageSize: Promise<bigint> | undefined;

  /** `root` is another folder than /proc in tests only. */
  constructor(root = '/proc') {
    this.root = root;
  }

  readonly memInfo = async () => parseMemInfo(await this.#text('meminfo'));
  readonly loadAvg = async () => parseLoadAvg(await this.#text('loadavg'));
  readonly systemStat = async () => parseSystemStat(await this.#text('stat'));
  readonly cpuInfo = async () => parseCpuInfo(await this.#text('cpuinfo'));
  readonly diskStats = async () => parseDiskStats(await this.#text('diskstats'));
  readonly netDev = async () => parseNetDev(await this.#text('net/dev'));
  readonly mounts = async () => parseMounts(await this.#text('mounts'));

  /** Seconds since boot. */
  async uptime(): Promise<number> {
    return Number.parseFloat(await this.#text('uptime'));
  }

  /** Bytes of a memory page: entry AT_PAGESZ of the auxiliary vector; 4096 where that can't be read. */
  pageSize(): Promise<bigint> {
    this.#pageSize ??= readFileLimited(join(this.root, 'self/auxv')).then(findPageSize, () => 4096n);
    return this.#pageSize;
  }

  async #text(name: string): Promise<string> {
    return (await readFileLimited(join(this.root, name))).toString();
  }
}

const AT_PAGESZ = 6n;

function findPageSize(vector: Buffer): bigint {
  const word = (at: number) => (endianness() === 'LE' ? vector.readBigUInt64LE(at) : vector.readBigUInt64BE(at));
  for (let at = 0; at + 16 <= vector.length; at += 16) if (word(at) === AT_PAGESZ) return word(at + 8);
  return 4096n;
}
