import { once } from 'node:events';
import { Writable } from 'node:stream';
import type { Io } from '../command.ts';

/**
 * Standard output that holds the writer back while its reader is slow, so that nothing piles up in memory. A reader that
 * goes away (`… | head`) calls `onClosed` once; what is written afterwards is dropped.
 */
export class Output {
  readonly #target: Io['stdout'];
  readonly #stream: Writable | undefined;
  readonly #onError = (error: NodeJS.ErrnoException) => this.#close(error);
  readonly #onClosed: (error: NodeJS.ErrnoException) => void;
  #closed = false;

  constructor(target: Io['stdout'], onClosed: (error: NodeJS.ErrnoException) => void) {
    this.#target = target;
    this.#onClosed = onClosed;
    this.#stream = target instanceof Writable ? target : undefined;
    this.#stream?.on('error', this.#onError);
  }

  /** Resolves when there is room for more. */
  async write(data: string | Uint8Array): Promise<void> {
    if (this.#closed || data.length === 0) return;
    const hasRoom = this.#target.write(data);
    if (hasRoom !== false || !this.#stream) return;
    try {
      await once(this.#stream, 'drain');
    } catch (error) {
      this.#close(error as NodeJS.ErrnoException);
    }
  }

  /** Stops watching the target, which stays open. */
  release(): void {
    this.#stream?.off('error', this.#onError);
  }

  #close(error: NodeJS.ErrnoException): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#onClosed(error);
  }
}
