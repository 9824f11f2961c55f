/**
 * Where a component writes its log: one call, one line of text without its newline. The owner of the line's place
 * (service log, console) adds prefix and time. Rooms take this narrow type; `main.ts` decides what stands behind it.
 */
export interface Logger {
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

/** Discards everything. */
export const silentLogger: Logger = { info: () => {}, warn: () => {}, error: () => {} };
