/** An answer and the number of its question. */
export interface NumberedAnswer<T> {
  readonly number: number;
  readonly answer: T;
}

interface Waiting<T> {
  readonly resolve: (answer: T) => void;
  readonly reject: (error: Error) => void;
}

/** Questions and answers over a stream of lines: each question has a number, each answer the number of its question. */
export class LineCalls<T> {
  readonly #send: (line: string) => void;
  readonly #parse: (line: string) => NumberedAnswer<T> | undefined;
  readonly #waiting = new Map<number, Waiting<T>>();
  #questions = 0;
  #rest = '';

  /** `send` takes a line with its end; `parse` reads one without it, `undefined` where it is no answer. */
  constructor(send: (line: string) => void, parse: (line: string) => NumberedAnswer<T> | undefined) {
    this.#send = send;
    this.#parse = parse;
  }

  /** Sends the line that `compose` makes of a fresh number; rejects when no answer has come in time. */
  async call(compose: (number: number) => string, what: string, milliseconds: number): Promise<T> {
    const number = ++this.#questions;
    const { promise, ...waiting } = Promise.withResolvers<T>();
    const late = () => waiting.reject(new Error(`${what}: no answer in ${milliseconds} ms`));
    const timer = setTimeout(late, milliseconds);
    this.#waiting.set(number, waiting);
    try {
      this.#send(`${compose(number)}\n`);
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(number);
    }
  }

  /** Takes what came in. */
  receive(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      const parsed = this.#parse(line.trim());
      if (parsed) this.#waiting.get(parsed.number)?.resolve(parsed.answer);
    }
  }

  /** The other side is gone: nobody gets an answer any more. */
  end(reason: string): void {
    for (const { reject } of this.#waiting.values()) reject(new Error(reason));
  }
}
