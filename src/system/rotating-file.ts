import { constants } from 'node:fs';
import { type FileHandle, open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { osError, TalosdError, toError } from '../lib/errors.ts';
import { ensureDir, isMissing, syncFolder } from './files.ts';

export interface RotatingFileOptions {
  readonly path: string;
  /** Size at which the file becomes `<path>.1`, replacing the one before: twice this is kept at most. */
  readonly maxBytes: number;
  /** A write failed; its lines are lost. */
  onError(error: Error): void;
}

/** What a reader wants: `tailLines` 0 is nothing of the past, negative is all; `follow` goes on with what comes later. */
export interface RotatingReadOptions {
  readonly tailLines: number;
  readonly follow: boolean;
  readonly signal?: AbortSignal;
}

const MAX_PENDING_BYTES = 1024 * 1024;
const CHUNK_BYTES = 32 * 1024;
const NEWLINE = 10;

interface Follower {
  readonly parts: Buffer[];
  bytes: number;
  wake: () => void;
}

/**
 * A file of lines that only grows, in two generations of mode 0600. `append` never waits: lines are written together,
 * in order, and reach the disk before the next batch begins.
 */
export class RotatingFile {
  readonly #options: RotatingFileOptions;
  readonly #followers = new Set<Follower>();
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #dropped = 0;
  #file: FileHandle | undefined;
  #size = 0;
  /** The end of the queue of everything that touches the files. */
  #tail: Promise<void> = Promise.resolve();
  #isScheduled = false;
  #isClosed = false;

  constructor(options: RotatingFileOptions) {
    this.#options = options;
  }

  /** Adds a line (without its newline). With more than a megabyte unwritten, lines are dropped and reported. */
  append(line: string): void {
    const bytes = Buffer.from(`${line}\n`);
    if (this.#isClosed || this.#pendingBytes + bytes.length > MAX_PENDING_BYTES) {
      this.#dropped++;
      return;
    }
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => this.#enqueue(() => this.#write()));
  }

  /** Resolves when everything appended so far is on the disk. */
  flush(): Promise<void> {
    return this.#enqueue(() => this.#write());
  }

  /** Writes what is left and closes the file; followers end. */
  async close(): Promise<void> {
    await this.flush();
    this.#isClosed = true;
    await this.#enqueue(async () => {
      await this.#file?.close();
      this.#file = undefined;
    });
    for (const follower of this.#followers) follower.wake();
  }

  /** The lines that are kept, oldest first, then with `follow` each batch that is written. Ends quietly on `signal`. */
  async *read(options: RotatingReadOptions): AsyncGenerator<Buffer> {
    const follower: Follower = { parts: [], bytes: 0, wake: () => {} };
    const snapshot: { handle: FileHandle; size: number }[] = [];
    await this.#enqueue(async () => {
      await this.#write();
      for (const path of [`${this.#options.path}.1`, this.#options.path]) await openInto(snapshot, path);
      if (options.follow) this.#followers.add(follower);
    });
    try {
      yield* readTail(snapshot, options);
      if (options.follow) yield* this.#follow(follower, options.signal);
    } finally {
      this.#followers.delete(follower);
      for (const { handle } of snapshot) await handle.close();
    }
  }

  async *#follow(follower: Follower, signal: AbortSignal | undefined): AsyncGenerator<Buffer> {
    const wake = () => follower.wake();
    signal?.addEventListener('abort', wake);
    try {
      while (!signal?.aborted) {
        const part = follower.parts.shift();
        if (part) {
          follower.bytes -= part.length;
          yield part;
          continue;
        }
        if (this.#isClosed) return;
        if (follower.bytes < 0) throw new TalosdError('resource_exhausted', 'the reader is too slow for this log');
        await new Promise<void>(resolve => {
          follower.wake = resolve;
        });
      }
    } finally {
      signal?.removeEventListener('abort', wake);
    }
  }

  #enqueue(task: () => Promise<void>): Promise<void> {
    const run = this.#tail.then(task);
    this.#tail = run.catch(error => this.#options.onError(toError(error)));
    return run;
  }

  async #write(): Promise<void> {
    this.#isScheduled = false;
    const batch = Buffer.concat(this.#pending);
    this.#pending = [];
    this.#pendingBytes = 0;
    if (this.#dropped > 0) {
      this.#options.onError(
        new Error(`${this.#dropped} lines for ${this.#options.path} were dropped: the disk is too slow`),
      );
      this.#dropped = 0;
    }
    if (batch.length === 0) return;
    try {
      const file = await this.#fileFor(batch.length);
      await file.appendFile(batch);
      await file.datasync();
      this.#size += batch.length;
    } catch (error) {
      throw osError('write', this.#options.path, error);
    }
    for (const follower of this.#followers) feed(follower, batch);
  }

  async #fileFor(bytes: number): Promise<FileHandle> {
    this.#file ??= await this.#open();
    if (this.#size === 0 || this.#size + bytes <= this.#options.maxBytes) return this.#file;
    await this.#file.close();
    this.#file = undefined;
    await rename(this.#options.path, `${this.#options.path}.1`);
    await syncFolder(dirname(this.#options.path));
    this.#file = await this.#open();
    return this.#file;
  }

  async #open(): Promise<FileHandle> {
    const { path } = this.#options;
    await ensureDir(dirname(path), 0o700);
    const file = await open(
      path,
      constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW,
      0o600,
    );
    await file.chmod(0o600);
    this.#size = (await file.stat()).size;
    if (this.#size > 0) await endLastLine(file, this.#size);
    return file;
  }
}

/** A crash may have cut the last line: the next one must not continue it. */
async function endLastLine(file: FileHandle, size: number): Promise<void> {
  const last = Buffer.alloc(1);
  await file.read(last, 0, 1, size - 1);
  if (last[0] !== NEWLINE) await file.appendFile('\n');
}

function feed(follower: Follower, batch: Buffer): void {
  if (follower.bytes < 0) return;
  if (follower.bytes + batch.length > MAX_PENDING_BYTES) {
    follower.parts.length = 0;
    follower.bytes = -1;
  } else {
    follower.parts.push(batch);
    follower.bytes += batch.length;
  }
  follower.wake();
}

async function openInto(snapshot: { handle: FileHandle; size: number }[], path: string): Promise<void> {
  try {
    const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    snapshot.push({ handle, size: (await handle.stat()).size });
  } catch (error) {
    if (!isMissing(error)) throw osError('open', path, error);
  }
}

async function* readTail(
  files: readonly { handle: FileHandle; size: number }[],
  { tailLines, signal }: RotatingReadOptions,
): AsyncGenerator<Buffer> {
  if (tailLines === 0) return;
  let left = tailLines < 0 ? Number.POSITIVE_INFINITY : tailLines;
  const starts: number[] = [];
  for (const { handle, size } of files.toReversed()) {
    const found = left > 0 ? await startOfLines(handle, size, left) : { start: size, lines: 0 };
    left -= found.lines;
    starts.unshift(found.start);
  }
  for (const [index, { handle, size }] of files.entries()) {
    for (let at = starts[index]!; at < size && !signal?.aborted; ) {
      const { bytesRead, buffer } = await handle.read(Buffer.alloc(Math.min(CHUNK_BYTES, size - at)), 0, undefined, at);
      if (bytesRead === 0) break;
      at += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  }
}

/** Where the last `wanted` lines of a file begin, and how many lines there are from there. */
async function startOfLines(
  handle: FileHandle,
  size: number,
  wanted: number,
): Promise<{ start: number; lines: number }> {
  if (!Number.isFinite(wanted)) return { start: 0, lines: 0 };
  let lines = 0;
  for (let end = size; end > 0; ) {
    const from = Math.max(0, end - CHUNK_BYTES);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(end - from), 0, end - from, from);
    for (let at = bytesRead - 1; at >= 0; at--) {
      if (buffer[at] !== NEWLINE) continue;
      if (lines === wanted) return { start: from + at + 1, lines };
      lines++;
    }
    end = from;
  }
  return { start: 0, lines };
}
