import { aborted } from '../lib/abort.ts';
import type { Clock } from '../lib/clock.ts';
import { errorMessage, TalosdError } from '../lib/errors.ts';
import { parseIp } from '../lib/ip.ts';
import type { Logger } from '../lib/logger.ts';
import type { OperatorSpec } from '../resources/network/operator_spec.ts';
import type { Announcer } from '../system/arp.ts';
import { NO_OUTPUTS, type Observed, type Operator, type OperatorOutputs } from './operator.ts';

/** A shared address, as the one who decides about it sees it. */
export interface SharedAddress {
  readonly ip: string;
  readonly link: string;
  /** Resolves when the link has the address and its neighbours have been told. */
  take(): Promise<void>;
  /** Resolves when the link no longer has it. */
  release(): Promise<void>;
}

/**
 * Decides who holds a shared address: has it taken and released until `signal` aborts, or until it is time to begin anew.
 * A rejection is told of, and it is begun anew a second later. Whatever is held at the end is released.
 */
export type Election = (vip: SharedAddress, signal: AbortSignal) => Promise<void>;

/** Nobody holds the address: it stays away until there is an etcd to decide about it. */
export function noElection(log: Pick<Logger, 'info'>): Election {
  return async ({ ip, link }, signal) => {
    log.info(`vip: shared IP "${ip}" on interface "${link}" waits for etcd`);
    await aborted(signal);
  };
}

/** What operators of shared addresses need. */
export interface VipTools {
  readonly elect: Election;
  readonly announcer: Announcer;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** How long a change of the address may take to be seen, and the pause after a failed election, milliseconds. */
const CHANGE_TIME = 10_000;
const PAUSE = 1000;

/**
 * Holds a shared address while it is told to (spec/network.md §6). While held the address is wanted like any other, so
 * it comes back when somebody removes it, and is announced each time that it appears.
 */
export class VipOperator implements Operator {
  readonly #tools: VipTools;
  readonly #changed: () => void;
  readonly #ip: string;
  readonly #link: string;
  readonly #address: string;
  readonly #stop = new AbortController();
  #isHeld = false;
  #isThere = false;
  #waiting: { readonly isThere: boolean; readonly resolve: () => void }[] = [];
  #running: Promise<void> = Promise.resolve();

  constructor(tools: VipTools, { link, ip = '' }: OperatorSpec, changed: () => void) {
    const parsed = parseIp(ip);
    if (!parsed) {
      throw new TalosdError('invalid_argument', `failed to parse shared IP ${JSON.stringify(ip)} as an IP address`);
    }
    this.#tools = tools;
    this.#changed = changed;
    this.#ip = parsed.text;
    this.#link = link;
    this.#address = `${parsed.text}/${parsed.family === 4 ? 32 : 128}`;
  }

  start(): void {
    this.#running = this.#run(this.#stop.signal);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  observe({ addresses }: Observed): void {
    const isThere = addresses.has(this.#address);
    if (isThere === this.#isThere) return;
    this.#isThere = isThere;
    const due = this.#waiting.filter(waiting => waiting.isThere === isThere);
    this.#waiting = this.#waiting.filter(waiting => waiting.isThere !== isThere);
    for (const { resolve } of due) resolve();
    if (isThere && this.#isHeld && due.length === 0) void this.#announceAgain();
  }

  outputs({ layer, path }: OperatorSpec): OperatorOutputs {
    if (!this.#isHeld) return NO_OUTPUTS;
    return { ...NO_OUTPUTS, addresses: [{ link: this.#link, address: this.#address, layer, path }] };
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { elect, clock, logger } = this.#tools;
    const vip: SharedAddress = {
      ip: this.#ip,
      link: this.#link,
      take: () => this.#take(),
      release: () => this.#release(),
    };
    while (!signal.aborted) {
      let failure: unknown;
      try {
        await elect(vip, signal);
      } catch (error) {
        failure = error;
      }
      await this.#release().catch((error: unknown) => {
        logger.error(`vip: error removing shared IP: ${errorMessage(error)}`);
      });
      if (signal.aborted) return;
      if (failure !== undefined) {
        logger.warn(`campaign failure: ${errorMessage(failure)}`);
        await clock.sleep(PAUSE, signal).catch(() => {}); // aborted: the loop ends
      }
    }
  }

  async #take(): Promise<void> {
    if (this.#stop.signal.aborted) throw new TalosdError('canceled', `${this.#ip} is no longer shared here`);
    await this.#tools.announcer.prepare(this.#link, this.#ip);
    this.#isHeld = true;
    this.#changed();
    await this.#until(true);
    await this.#tools.announcer.announce(this.#link, this.#ip);
    this.#tools.logger.info(`vip: enabled shared IP "${this.#ip}" on interface "${this.#link}"`);
  }

  async #release(): Promise<void> {
    if (this.#isHeld) {
      this.#tools.logger.info(`vip: removing shared IP "${this.#ip}" on interface "${this.#link}"`);
      this.#isHeld = false;
      this.#changed();
    }
    await this.#until(false);
  }

  async #announceAgain(): Promise<void> {
    try {
      await this.#tools.announcer.announce(this.#link, this.#ip);
    } catch (error) {
      this.#tools.logger.warn(`vip: neighbours may not know of ${this.#ip}: ${errorMessage(error)}`);
    }
  }

  /** Waits until the address is seen on the link, or no longer. */
  #until(isThere: boolean): Promise<void> {
    if (this.#isThere === isThere) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const waiting = {
        isThere,
        resolve: () => {
          cancel();
          resolve();
        },
      };
      this.#waiting.push(waiting);
      const cancel = this.#tools.clock.after(CHANGE_TIME, () => {
        this.#waiting = this.#waiting.filter(other => other !== waiting);
        const change = isThere ? 'did not get' : 'still has';
        reject(new TalosdError('deadline_exceeded', `interface "${this.#link}" ${change} ${this.#address}`));
      });
    });
  }
}
