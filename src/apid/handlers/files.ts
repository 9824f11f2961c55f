import type { Stats } from 'node:fs';
import { posix } from 'node:path';
import type { Data } from '../../gen/common/common.ts';
import {
  type CopyRequest,
  type DiskUsageInfo,
  type DiskUsageRequest,
  type FileInfo,
  type ListRequest,
  ListRequest_Type,
  type ReadRequest,
} from '../../gen/machine/machine.ts';
import { errorList, TalosdError } from '../../lib/errors.ts';
import type { Logger } from '../../lib/logger.ts';
import { archive, type Skipped } from '../../system/archive.ts';
import type { NodePaths } from '../../system/paths.ts';
import { readChunks } from '../../system/read.ts';
import { apparentSize, type WalkEntry, walk } from '../../system/walk.ts';
import type { StreamHandler } from '../handler.ts';

/** How many skipped items of an archive are named, so that the list fits into one message (4 MiB). */
const MAX_SKIPS_TOLD = 5000;

/** What the file calls need. */
export interface FileHandlerOptions {
  readonly paths: NodePaths;
  readonly logger: Logger;
}

/** The file calls of spec/api.md §2.7. */
export interface FileHandlers {
  readonly list: StreamHandler<ListRequest, FileInfo>;
  readonly diskUsage: StreamHandler<DiskUsageRequest, DiskUsageInfo>;
  /** The bytes of a message are good until the next one is asked for. */
  readonly read: StreamHandler<ReadRequest, Data>;
  readonly copy: StreamHandler<CopyRequest, Data>;
}

export function fileHandlers({ paths, logger }: FileHandlerOptions): FileHandlers {
  return {
    async *list(request, { signal }) {
      const root = normalizeRoot(request.root);
      const wanted = typeFilter(request.types);
      // The original descends without limit into what the filter hides; its `list -t f` lives on that.
      const descend = (entry: WalkEntry) => !wanted(entry.stats!) || withinDepth(request, root, entry);
      for await (const entry of walk(paths, root, { descend, signal })) {
        if (!entry.stats || wanted(entry.stats)) yield fileInfo(entry);
      }
    },

    async *diskUsage(request, { signal }) {
      for (const path of request.paths) yield* usageOf(paths, request, normalizeRoot(path), signal);
    },

    async *read({ path }, { signal }) {
      // What fails half way ends the stream without an error (spec/api.md §2.7): here it is at least on record.
      const onBroken = (error: Error) => logger.warn(`reading stopped half way: ${error.message}`);
      for await (const bytes of readChunks(paths, path, onBroken, signal)) yield { metadata: undefined, bytes };
    },

    async *copy(request, { signal }) {
      const path = request.rootPath;
      if (!path.startsWith('/')) throw new TalosdError('unknown', `path is not absolute ${path}`);
      const skipped: Skipped[] = [];
      try {
        for await (const bytes of archive(paths, normalizeRoot(path), skipped, signal)) {
          yield { metadata: undefined, bytes };
        }
      } catch (error) {
        if (!(error instanceof TalosdError)) throw error;
        yield failure(error.message);
      }
      if (skipped.length > 0) yield failure(skipList(skipped));
    },
  };
}

/** An absolute, clean path. */
function normalizeRoot(root: string): string {
  return posix.resolve('/', root);
}

/** Levels are counted by slashes, so `/` as root gives one more. */
function withinDepth({ recurse, recursionDepth }: ListRequest, root: string, { depth }: WalkEntry): boolean {
  if (!recurse) return depth < 1;
  return recursionDepth <= 0 || depth - (root === '/' ? 1 : 0) < recursionDepth;
}

function typeFilter(types: readonly ListRequest_Type[]): (stats: Stats) => boolean {
  if (types.length === 0) return () => true;
  const tests: ((stats: Stats) => boolean)[] = [];
  if (types.includes(ListRequest_Type.REGULAR)) tests.push(stats => stats.isFile());
  if (types.includes(ListRequest_Type.DIRECTORY)) tests.push(stats => stats.isDirectory());
  if (types.includes(ListRequest_Type.SYMLINK)) tests.push(stats => stats.isSymbolicLink());
  return stats => tests.some(matches => matches(stats));
}

function fileInfo({ path: name, relative: relativeName, stats, link = '', error }: WalkEntry): FileInfo {
  const head = { metadata: undefined, name, relativeName, error: error?.message ?? '' };
  if (!stats) return { ...head, size: 0n, mode: 0, modified: 0n, isDir: false, link };
  return {
    ...head,
    size: BigInt(stats.size),
    mode: goMode(stats),
    modified: BigInt(Math.floor(stats.mtimeMs / 1000)),
    isDir: stats.isDirectory(),
    link,
  };
}

/** The bits that a type of file, or a bit beside the permissions, has in `FileInfo.mode`: spec/api.md §2.7. */
function goMode(stats: Stats): number {
  let mode = stats.mode & 0o777;
  if (stats.mode & 0o4000) mode |= 0x00800000;
  if (stats.mode & 0o2000) mode |= 0x00400000;
  if (stats.mode & 0o1000) mode |= 0x00100000;
  if (stats.isDirectory()) mode |= 0x80000000;
  else if (stats.isSymbolicLink()) mode |= 0x08000000;
  else if (stats.isFIFO()) mode |= 0x02000000;
  else if (stats.isSocket()) mode |= 0x01000000;
  else if (stats.isBlockDevice()) mode |= 0x04000000;
  else if (stats.isCharacterDevice()) mode |= 0x04200000;
  else if (!stats.isFile()) mode |= 0x00080000;
  return mode >>> 0;
}

/** Folders come after what is in them, with its sum; each path asked for is answered, unlike the original's. */
async function* usageOf(
  paths: NodePaths,
  request: DiskUsageRequest,
  root: string,
  signal: AbortSignal,
): AsyncGenerator<DiskUsageInfo> {
  /** Bytes below each folder on the way down. */
  const sums: number[] = [];
  const shift = root === '/' ? 1 : 0;
  const shown = (depth: number, size: number) =>
    (request.recursionDepth <= 0 || depth - shift < request.recursionDepth) &&
    withinThreshold(size, Number(request.threshold));
  try {
    for await (const entry of walk(paths, root, { leave: true, signal })) {
      if (entry.error) yield usage(entry.path, '', 0, entry.error.message);
      else if (entry.stats?.isDirectory() && !entry.leaving) sums.push(entry.stats.size);
      else {
        const size = entry.leaving ? sums.pop()! : apparentSize(entry);
        if (sums.length > 0) sums[sums.length - 1]! += size;
        if ((entry.leaving || request.all) && shown(entry.depth, size)) yield usage(entry.path, entry.relative, size);
      }
    }
  } catch (error) {
    if (!(error instanceof TalosdError)) throw error;
    yield usage(root, root, 0, error.message);
  }
}

function withinThreshold(size: number, threshold: number): boolean {
  return threshold >= 0 ? size >= threshold : size <= -threshold;
}

function usage(name: string, relativeName: string, size: number, error = ''): DiskUsageInfo {
  return { metadata: undefined, name, size: BigInt(size), error, relativeName };
}

function skipList(skipped: readonly Skipped[]): string {
  const told = skipped.slice(0, MAX_SKIPS_TOLD).map(({ path, message }) => `skipping "${path}": ${message}`);
  if (skipped.length > told.length) told.push(`skipping ${skipped.length - told.length} more`);
  return errorList(told);
}

/** An error among the data of a stream is bare text, without status. */
function failure(error: string): Data {
  return { metadata: { hostname: '', error, status: undefined }, bytes: Buffer.alloc(0) };
}
