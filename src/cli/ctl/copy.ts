import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Readable } from 'node:stream';
import { MachineServiceService } from '../../gen/machine/machine.ts';
import { osError, TalosdError } from '../../lib/errors.ts';
import { makeFolders } from '../../lib/make-folders.ts';
import { streamNodes } from './call-nodes.ts';
import { extractArchive } from './extract.ts';
import { ctlCommand, type Session } from './session.ts';

const WHAT = 'error copying';

/** `copy SRC -|DIR`. */
export const copyCommand = ctlCommand({
  args: '<source> <target>',
  help: 'Copy a file or folder of a node into a local folder, or as tar.gz to standard output (`-`).\nLocal files are never overwritten.',
  examples: ['copy /var/log ./log', 'copy /etc - | tar tzv'],
  single: 'copy',
  run: (session, [source, target]) =>
    target === '-' ? copyToOutput(session, source!) : copyToFolder(session, source!, resolve(session.io.cwd, target!)),
});

function copyToOutput(session: Session, rootPath: string): Promise<number> {
  return streamNodes(
    session,
    WHAT,
    MachineServiceService.copy,
    { rootPath },
    {
      message: (_node, data) => session.out.write(data.bytes),
      error: (_node, text) => session.warn(text),
    },
  );
}

async function copyToFolder(session: Session, rootPath: string, folder: string): Promise<number> {
  await makeFolder(folder);
  const queue = new ChunkQueue();
  const extraction = extractArchive(Readable.from(queue, { objectMode: false }), folder, skipped => {
    session.warn(`skipping ${JSON.stringify(skipped.name)}: ${skipped.reason}`);
  });
  extraction.catch(error => queue.stop(error)); // reported below; the node need not send the rest
  try {
    const code = await streamNodes(
      session,
      WHAT,
      MachineServiceService.copy,
      { rootPath },
      {
        message: (_node, data) => queue.push(data.bytes),
        error: (_node, text) => session.warn(text),
      },
    );
    if (session.signal.aborted) throw session.signal.reason;
    queue.end();
    if (!queue.isUsed) return 1;
    await extraction;
    return code;
  } catch (error) {
    queue.stop(error);
    await extraction.catch(() => {}); // the first error is the one to tell
    throw error;
  }
}

async function makeFolder(folder: string): Promise<void> {
  const found = await stat(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw osError('stat', folder, error);
  });
  if (found && !found.isDirectory()) {
    throw new TalosdError('invalid_argument', `local path ${JSON.stringify(folder)} should be a directory`);
  }
  await makeFolders(folder).catch(error => {
    throw osError('mkdir', folder, error);
  });
}

/** Hands chunks from one side to the other, one at a time: `push` waits until the chunk was taken. */
class ChunkQueue implements AsyncIterable<Uint8Array> {
  /** Whether anything was pushed. */
  isUsed = false;
  #chunk: Uint8Array | undefined;
  #state: 'open' | 'ended' | { error: unknown } = 'open';
  #changed = Promise.withResolvers<void>();

  async push(chunk: Uint8Array): Promise<void> {
    if (chunk.length === 0) return;
    this.isUsed = true;
    this.#chunk = chunk;
    this.#notify();
    while (this.#chunk && this.#state === 'open') await this.#changed.promise;
    if (typeof this.#state === 'object') throw this.#state.error;
  }

  end(): void {
    if (this.#state === 'open') this.#state = 'ended';
    this.#notify();
  }

  stop(error: unknown): void {
    this.#state = { error };
    this.#notify();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (;;) {
      if (typeof this.#state === 'object') throw this.#state.error;
      if (this.#chunk) {
        yield this.#chunk;
        this.#chunk = undefined;
        this.#notify();
      } else if (this.#state === 'ended') return;
      else await this.#changed.promise;
    }
  }

  #notify(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}
