/** Anything that can be stopped. */
export type Disposer = () => void | Promise<void>;

/**
 * Owns what was started. Whoever starts something adds its disposer; `close` runs the disposers in reverse order, once,
 * and aborts `signal` first. A disposer added to a closed scope runs at once, so nothing outlives its owner.
 */
export class Scope {
  readonly #controller = new AbortController();
  readonly #disposers: Disposer[] = [];
  readonly #onError: (error: unknown) => void;
  #closing: Promise<void> | undefined;

  constructor(onError: (error: unknown) => void = () => {}) {
    this.#onError = onError;
  }

  /** Aborts when the scope begins to close. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get closed(): boolean {
    return this.#closing !== undefined;
  }

  add(disposer: Disposer): void {
    if (this.#closing) void this.#run(disposer);
    else this.#disposers.push(disposer);
  }

  /** A scope that closes with this one, or earlier. */
  child(): Scope {
    const child = new Scope(this.#onError);
    this.add(() => child.close());
    return child;
  }

  close(): Promise<void> {
    this.#closing ??= this.#closeAll();
    return this.#closing;
  }

  async #closeAll(): Promise<void> {
    this.#controller.abort();
    for (let disposer = this.#disposers.pop(); disposer; disposer = this.#disposers.pop()) await this.#run(disposer);
  }

  async #run(disposer: Disposer): Promise<void> {
    try {
      await disposer();
    } catch (error) {
      this.#onError(error);
    }
  }
}
