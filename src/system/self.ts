/** What this process uses. */
export interface ProcessFigures {
  /** Resident memory, bytes. */
  readonly memory: bigint;
  /** User and system time since the start, nanoseconds. */
  readonly cpu: bigint;
}

/** The figures of this process. */
export function ownFigures(): ProcessFigures {
  const { user, system } = process.cpuUsage();
  return { memory: BigInt(process.memoryUsage.rss()), cpu: BigInt(user + system) * 1000n };
}
