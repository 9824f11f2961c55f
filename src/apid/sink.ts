import type { Writable } from 'node:stream';
import { type StatusError, statusError } from './status.ts';

/** Where the messages of a stream go. */
export interface MessageSink {
  /**
   * Takes a message. A promise asks the source to wait for the client before it sends more; throws `Canceled` once the
   * client is gone.
   */
  write(message: Buffer): Promise<void> | undefined;
}

/** A streaming call as a sink: several sources share it, and all of them wait while the client reads slowly. */
export class CallSink implements MessageSink {
  readonly #call: Writable;
  #closed: StatusError | undefined;
  #drained: Promise<void> | undefined;
  #wake: { resolve(): void; reject(reason: StatusError): void } | undefined;

  constructor(call: Writable) {
    this.#call = call;
    call.on('drain', () => {
      this.#drained = undefined;
      this.#wake?.resolve();
    });
  }

  write(message: Buffer): Promise<void> | undefined {
    if (this.#closed) throw this.#closed;
    if (this.#call.write(message)) return undefined;
    if (!this.#drained) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      promise.catch(() => {}); // a source that does not wait learns it from its next write
      this.#drained = promise;
      this.#wake = { resolve, reject };
    }
    return this.#drained;
  }

  /** The client is gone: sources that wait are told, later writes throw. */
  close(): void {
    this.#closed ??= statusError('canceled', 'context canceled');
    this.#wake?.reject(this.#closed);
  }
}

/** Sends everything of `source`, at the pace of `sink`. A source that still waits when the sink closes is not awaited. */
export async function pump(source: AsyncIterable<Buffer>, sink: MessageSink): Promise<void> {
  for await (const message of source) {
    const wait = sink.write(message);
    if (wait) await wait;
  }
}
