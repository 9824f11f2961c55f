import type { Stats } from 'node:fs';
import { lstat, readdir, readlink } from 'node:fs/promises';
import { posix } from 'node:path';
import { osError, type TalosdError } from '../lib/errors.ts';
import type { Location, NodePaths } from './paths.ts';

/** How many entries of a folder are examined at a time. */
const BATCH = 256;

/** How many of the next folders are read ahead. */
const READ_AHEAD = 32;

/** One thing a walk came by. */
export interface WalkEntry {
  /** Node path: the root as given (a link resolved) and the names below it. */
  readonly path: string;
  /** Path below the root; `.` for a root that is a folder, its name for any other root. Empty where stat or open failed. */
  readonly relative: string;
  /** The path to give to the operating system. */
  readonly host: string;
  /** Levels below the root, which is 0. */
  readonly depth: number;
  /** What lstat says; absent only together with `error`. */
  readonly stats?: Stats;
  /** Target of a link. */
  readonly link?: string;
  /** Why it could not be examined, or its contents not read: it is not walked further. */
  readonly error?: TalosdError;
  /** True on the second visit of a folder, after all that is in it. */
  readonly leaving: boolean;
}

/** Choices of a walk. */
export interface WalkOptions {
  /** Whether to walk the contents of a folder, asked before the folder is handed out; default always. */
  readonly descend?: (entry: WalkEntry) => boolean;
  /** Hand out each walked folder a second time when all of its contents are done. */
  readonly leave?: boolean;
  readonly signal?: AbortSignal;
}

/** An entry that waits for its turn; `frame` is set once its contents are being read. */
interface Waiting {
  readonly entry: WalkEntry;
  readonly real: string;
  frame?: Promise<Frame | WalkEntry>;
}

/** A folder on the way down. */
interface Frame {
  readonly entry: WalkEntry;
  readonly real: string;
  readonly names: readonly string[];
  /** Index of the first name that is not examined yet. */
  next: number;
  /** Examined children that wait for their turn, the first one at the end. */
  ready: Waiting[];
}

/**
 * Walks the tree below `root`: lexical in each folder, depth first, folders before their contents (spec/api.md §2.7).
 * Links are not followed, but for the root itself. Pulled entry by entry; it holds the names of the folders on the way
 * down and of a few next ones, whose contents are read ahead. Throws only when the root can't be examined
 * (`lstat <root>: …`) or `signal` aborts.
 */
export async function* walk(paths: NodePaths, root: string, options: WalkOptions = {}): AsyncGenerator<WalkEntry> {
  const descend = options.descend ?? (() => true);
  const start = (waiting: Waiting) => {
    if (!waiting.frame && waiting.entry.stats?.isDirectory() && descend(waiting.entry)) {
      waiting.frame = openFolder(paths, waiting);
    }
  };
  const stack: Frame[] = [];
  let current: Waiting = await examineRoot(paths, root);
  for (;;) {
    options.signal?.throwIfAborted();
    start(current);
    const opened = current.frame ? await current.frame : current.entry;
    if ('names' in opened) stack.push(opened);
    yield 'names' in opened ? opened.entry : opened;
    for (;;) {
      const top = stack.at(-1);
      if (!top) return;
      if (top.ready.length === 0 && top.next < top.names.length) await examineBatch(paths, top);
      const child = top.ready.pop();
      if (child) {
        // The folders that come next are read together: one after the other, most time would go to waking threads.
        if (!child.frame && child.entry.stats?.isDirectory()) top.ready.slice(-READ_AHEAD).forEach(start);
        current = child;
        break;
      }
      stack.pop();
      if (options.leave) yield { ...top.entry, leaving: true };
    }
  }
}

async function examineRoot(paths: NodePaths, root: string): Promise<Waiting> {
  let path = root;
  let { location, stats } = await examinePath(paths, path);
  if (stats.isSymbolicLink()) {
    path = await paths.resolve(path);
    ({ location, stats } = await examinePath(paths, path));
  }
  const relative = stats.isDirectory() ? '.' : posix.basename(path);
  return { entry: { path, relative, host: location.host, depth: 0, stats, leaving: false }, real: location.real };
}

async function examinePath(paths: NodePaths, path: string): Promise<{ location: Location; stats: Stats }> {
  try {
    const location = await paths.locate(path);
    return { location, stats: await lstat(location.host) };
  } catch (error) {
    throw osError('lstat', path, (error as TalosdError).cause ?? error);
  }
}

/** The folder with its names and the first of its children, or an entry that says why it can't be read. */
async function openFolder(paths: NodePaths, { entry, real }: Waiting): Promise<Frame | WalkEntry> {
  try {
    const names = new Set([...(await readdir(entry.host)), ...paths.extraNames(real)]);
    const frame: Frame = { entry, real, names: [...names].sort(), next: 0, ready: [] };
    await examineBatch(paths, frame);
    return frame;
  } catch (error) {
    return { ...entry, relative: '', stats: undefined, error: osError('open', entry.path, error) };
  }
}

async function examineBatch(paths: NodePaths, frame: Frame): Promise<void> {
  const batch = frame.names.slice(frame.next, frame.next + BATCH);
  frame.next += batch.length;
  const extra = new Set(paths.extraNames(frame.real));
  const prefix = frame.entry.path === '/' ? '/' : `${frame.entry.path}/`;
  const hostPrefix = frame.entry.host === '/' ? '/' : `${frame.entry.host}/`;
  const relativePrefix = frame.entry.relative === '.' ? '' : `${frame.entry.relative}/`;
  const examined = batch.map(async name => {
    const child = {
      path: prefix + name,
      relative: relativePrefix + name,
      depth: frame.entry.depth + 1,
      leaving: false,
    };
    const entry = await examineChild(paths, extra.has(name) ? undefined : hostPrefix + name, child);
    return { entry, real: posix.join(frame.real, name) };
  });
  frame.ready = (await Promise.all(examined)).reverse();
}

/** `known` is the host path, but for a child that does not lie in its parent's folder. */
async function examineChild(
  paths: NodePaths,
  known: string | undefined,
  child: Omit<WalkEntry, 'host'>,
): Promise<WalkEntry> {
  let host = known ?? child.path;
  try {
    if (known === undefined) host = (await paths.locate(child.path)).host;
    const stats = await lstat(host);
    if (!stats.isSymbolicLink()) return { ...child, host, stats };
    try {
      return { ...child, host, stats, link: await readlink(host) };
    } catch (error) {
      return { ...child, host, error: osError('readlink', child.path, error) };
    }
  } catch (error) {
    return { ...child, host, relative: '', error: osError('lstat', child.path, error) };
  }
}

/** The bytes that an entry claims to have; the kernel's memory image claims the whole address space and counts 0. */
export function apparentSize(entry: WalkEntry): number {
  return entry.path === '/proc/kcore' ? 0 : (entry.stats?.size ?? 0);
}
