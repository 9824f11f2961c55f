const NEWLINE = 0x0a;

/** A line longer than this is handed out in pieces, so that a log without newlines costs no memory. */
const LONGEST = 1 << 20;

/** Puts lines together again from chunks that were cut anywhere, apart for each node. */
export class LineJoiner {
  readonly #pending = new Map<string, Buffer[]>();

  /** The lines that `chunk` completes, each with its newline. */
  push(node: string, chunk: Uint8Array): Buffer[] {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const lines: Buffer[] = [];
    let start = 0;
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
      lines.push(this.#take(node, bytes.subarray(start, end + 1)));
      start = end + 1;
    }
    if (start < bytes.length) {
      const parts = this.#pending.get(node) ?? [];
      parts.push(Buffer.from(bytes.subarray(start)));
      this.#pending.set(node, parts);
      if (parts.reduce((sum, part) => sum + part.length, 0) > LONGEST) lines.push(this.#take(node, Buffer.from('\n')));
    }
    return lines;
  }

  /** What is left of lines that never ended, by node, with a newline of our own. */
  rest(): [node: string, line: Buffer][] {
    return [...this.#pending.keys()].map(node => [node, this.#take(node, Buffer.from('\n'))]);
  }

  #take(node: string, end: Buffer): Buffer {
    const parts = this.#pending.get(node);
    if (!parts) return end;
    this.#pending.delete(node);
    return Buffer.concat([...parts, end]);
  }
}
