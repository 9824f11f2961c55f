import type { Clock } from '../lib/clock.ts';
import { errorMessage } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import type { Scope } from '../lib/scope.ts';
import { type Exec, exec, execError, type RunningProgram, startProgram } from './exec.ts';
import { readNetworkFromProc } from './network-proc.ts';
import { AF_INET, AF_INET6, globalUnicast, type NetworkSnapshot, parseLinks, parseRoutes } from './network-snapshot.ts';

/** How long nothing may change before the network is listed again, and how long that is waited for, milliseconds. */
const SETTLE = 50;
const PATIENCE = 400;

/** More changes at once than this are not followed one by one. */
const MANY = 500;
/** In which time the monitor has told what was left of them, milliseconds. */
const DRAIN = 5000;

/** How long to wait before a monitor that ended is started again, milliseconds. */
const RESTART = 1000;

/** How often the network is listed where nothing tells of changes (no iproute2), milliseconds. */
const POLL = 5000;

/** What an observer needs. The programs are replaced in tests only. */
export interface NetworkObserverOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly exec?: Exec;
  readonly startProgram?: typeof startProgram;
  readonly readFromProc?: () => Promise<NetworkSnapshot>;
  /** Lists with more detail than needed for reading calls; undefined where there is no iproute2. */
  readonly list?: () => Promise<NetworkSnapshot | undefined>;
}

/**
 * Knows the links, addresses and routes of this network namespace. A resident `ip monitor` tells that something has
 * changed; then everything is listed again. Calls read the last listing and start no process. Without iproute2 it
 * lists what /proc and /sys tell, every few seconds.
 */
export class NetworkObserver {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #exec: Exec;
  readonly #startProgram: typeof startProgram;
  readonly #readFromProc: () => Promise<NetworkSnapshot>;
  readonly #listOnce: () => Promise<NetworkSnapshot | undefined>;
  readonly #listeners = new Set<(snapshot: NetworkSnapshot) => void>();
  #snapshot: NetworkSnapshot = { links: [], routes: [] };
  #shape = '';
  #hasPrograms = true;
  #refreshing: Promise<void> | undefined;
  #scheduled: (() => void) | undefined;
  #monitor: RunningProgram | undefined;
  #stopped = false;
  /** Since when the scheduled listing is put off, monotonic. */
  #collecting = 0n;
  /** How often the monitor has said something. */
  #heard = 0;
  /** Changes of our own that are under way. */
  #changing = 0;
  /** Those, and the listings at their ends. */
  #unsettled = 0;

  constructor(options: NetworkObserverOptions) {
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#exec = options.exec ?? exec;
    this.#startProgram = options.startProgram ?? startProgram;
    this.#readFromProc = options.readFromProc ?? readNetworkFromProc;
    this.#listOnce = options.list ?? (() => this.#listByCalls());
  }

  /** Lists the network once, then watches it until the scope closes; may be started again then. */
  async start(scope: Scope): Promise<void> {
    this.#stopped = false;
    scope.add(() => this.#stop());
    await this.refresh();
    if (this.#stopped) return;
    if (this.#hasPrograms) this.#watch();
    else this.#schedule(POLL);
  }

  /** The last listing. */
  get snapshot(): NetworkSnapshot {
    return this.#snapshot;
  }

  /** Addresses that others may reach this machine by: global unicast ones of links that are up. */
  addresses(): string[] {
    return globalUnicast(this.#snapshot);
  }

  /** Calls `listener` after each change of anything in the snapshot; the returned function ends that. */
  onChange(listener: (snapshot: NetworkSnapshot) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /**
   * Does what changes the network in `count` places, and lists it then: nothing is listed while it is half changed. Of very
   * many changes the monitor is not asked to tell: it would take as long again as to make them.
   */
  async during(count: number, change: () => Promise<void>): Promise<void> {
    this.#changing++;
    this.#unsettled++;
    const monitor = count > MANY ? this.#monitor : undefined;
    monitor?.pause();
    try {
      await change();
    } finally {
      monitor?.resume();
      if (monitor) await this.#quiet(); // it still has to tell what of the change was waiting for it
      this.#changing--; // what others change from here on is seen by the listing after this one
      await this.refresh();
      this.#unsettled--;
      this.#tell(); // also where the kernel has taken nothing: whoever waited for the end goes on
    }
  }

  /** Resolves when the monitor has said nothing for a moment, or when it has had its time. */
  async #quiet(): Promise<void> {
    const end = this.#clock.monotonic() + BigInt(DRAIN) * 1_000_000n;
    for (let heard = -1; heard !== this.#heard && !this.#stopped && this.#clock.monotonic() < end; ) {
      heard = this.#heard;
      await this.#clock.sleep(SETTLE);
    }
  }

  /** Whether a change of our own is under way: what was listed is about to be old. */
  get isChanging(): boolean {
    return this.#unsettled > 0;
  }

  /** Lists the network now: for a caller that has just changed it. */
  async refresh(): Promise<void> {
    await this.#refreshing; // that one may have begun before the change
    this.#refreshing ??= this.#list().finally(() => {
      this.#refreshing = undefined;
    });
    await this.#refreshing;
  }

  async #list(): Promise<void> {
    if (this.#hasPrograms) this.#cancelScheduled(); // what it was to list is seen now
    try {
      const snapshot = this.#hasPrograms ? await this.#listByProgram() : await this.#readFromProc();
      const shape = JSON.stringify(snapshot);
      if (shape === this.#shape || this.#stopped) return;
      this.#shape = shape;
      this.#snapshot = snapshot;
    } catch (error) {
      this.#logger.error(`the network can't be listed: ${errorMessage(error)}`);
      return;
    }
    if (!this.isChanging) this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener(this.#snapshot);
  }

  async #listByProgram(): Promise<NetworkSnapshot> {
    const snapshot = await this.#listOnce();
    if (snapshot) return snapshot;
    this.#hasPrograms = false;
    this.#logger.warn('iproute2 is missing: the network is read from /proc, with less detail');
    return this.#readFromProc();
  }

  async #listByCalls(): Promise<NetworkSnapshot | undefined> {
    const [links, routes4, routes6] = await Promise.all([
      this.#ip(['addr', 'show']),
      this.#ip(['-4', 'route', 'show', 'table', 'all']),
      this.#ip(['-6', 'route', 'show', 'table', 'all']),
    ]);
    if (links === undefined || routes4 === undefined || routes6 === undefined) return undefined;
    return {
      links: parseLinks(links),
      routes: [...parseRoutes(routes4, AF_INET), ...parseRoutes(routes6, AF_INET6)],
    };
  }

  /** What `ip` prints, or undefined when there is no such program. */
  async #ip(args: readonly string[]): Promise<string | undefined> {
    const result = await this.#exec('ip', ['-N', '-j', ...args], { timeoutMs: 10_000, maxOutput: 256 * 1024 * 1024 });
    if (result.errorCode === 'ENOENT') return undefined;
    if (result.failed) throw execError(result);
    return result.stdout;
  }

  #watch(): void {
    const onOutput = () => this.#collect();
    const monitor = this.#startProgram('ip', ['monitor', 'link', 'address', 'route'], onOutput, { inChunks: true });
    this.#monitor = monitor;
    this.#schedule(SETTLE); // for what changed before the monitor listened
    void monitor.ended.then(result => {
      if (this.#stopped) return;
      this.#logger.warn(`the network monitor ended and is started again: ${result.shortMessage}`);
      this.#clock.after(RESTART, () => {
        if (!this.#stopped) this.#watch();
      });
    });
  }

  /** While the monitor has more to tell the listing waits, but not for ever. */
  #collect(): void {
    this.#heard++;
    const now = this.#clock.monotonic();
    if (!this.#scheduled) this.#collecting = now;
    else if (now - this.#collecting < BigInt(PATIENCE) * 1_000_000n) this.#cancelScheduled();
    this.#schedule(SETTLE);
  }

  #schedule(milliseconds: number): void {
    if (this.#stopped) return;
    this.#scheduled ??= this.#clock.after(milliseconds, () => {
      this.#scheduled = undefined;
      if (this.#changing > 0) return; // listed at its end
      void this.refresh().then(() => {
        if (!this.#hasPrograms) this.#schedule(POLL);
      });
    });
  }

  #cancelScheduled(): void {
    this.#scheduled?.();
    this.#scheduled = undefined;
  }

  async #stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelScheduled(); // a new start schedules again
    this.#monitor?.kill();
    await this.#monitor?.ended;
  }
}
