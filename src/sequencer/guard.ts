import type { MachineConfig } from '../config/schema/config.ts';
import type { Clock } from '../lib/clock.ts';
import { errorMessage } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import type { KernelArguments } from '../networkd/model/kernel-arguments.ts';
import { hopTo, touchedWays, type Way } from '../networkd/ways.ts';
import type { NeighbourProbe } from '../system/neighbours.ts';
import type { NetworkSnapshot } from '../system/network-snapshot.ts';

export interface GuardOptions {
  /** Those who reached this node lately. */
  readonly recent: (milliseconds: number) => readonly Way[];
  /** Calls back at each authenticated call from another machine; the returned function ends that. */
  readonly onCall: (listener: (peer: string) => void) => () => void;
  readonly network: { readonly snapshot: NetworkSnapshot };
  readonly cmdline: KernelArguments;
  readonly probe: NeighbourProbe;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Time in which a change has to prove itself, milliseconds. */
export const GUARD_TIME = 120_000;
/** A peer that was connected in this time counts on its way. */
const LATELY = 300_000;
/** Until the kernel's network is as the new config wants it; what happens before proves nothing. */
const SETTLE = 3_000;
/** Between two attempts to reach the peers. */
const PAUSE = 5_000;

/**
 * Keeps a change of the network from cutting this node off: knows whose way to the node a config touches, and whether
 * there is still a way when it is in use.
 */
export class ConnectivityGuard {
  readonly #options: GuardOptions;

  constructor(options: GuardOptions) {
    this.#options = options;
  }

  /** The ways of recent peers whose address, link or route the change touches. */
  touched(before: MachineConfig, after: MachineConfig): Way[] {
    const { recent, network, cmdline } = this.#options;
    const change = { before: before.machine?.network, after: after.machine?.network, cmdline };
    return touchedWays({ ...change, snapshot: network.snapshot }, recent(LATELY));
  }

  /** Those of the ways that are there now: of a peer that has gone meanwhile nothing can be proven. All where none is. */
  async alive(ways: readonly Way[]): Promise<readonly Way[]> {
    const answers = await Promise.all(ways.map(way => this.#answers([way])));
    const found = ways.filter((_, index) => answers[index]);
    return found.length === 0 ? ways : found;
  }

  /**
   * Waits for a proof that the node can be reached: an authenticated call from another machine, or an answer of each
   * of these peers that is on a link, and of the gateways to the others. Resolves with it, or with nothing when `isOver` says so.
   */
  async proof(ways: readonly Way[], isOver: () => boolean): Promise<string | undefined> {
    const { onCall, clock } = this.#options;
    await this.#pause(SETTLE);
    let caller: string | undefined;
    let wake = () => {};
    const stop = onCall(peer => {
      caller ??= peer;
      wake();
    });
    try {
      while (!isOver()) {
        if (caller !== undefined) return `${caller} has called`;
        const called = new Promise<false>(resolve => {
          wake = () => resolve(false);
        });
        if (await Promise.race([this.#answers(ways), called])) {
          return `the way to ${ways.map(({ peer }) => peer).join(', ')} is there`;
        }
        if (caller === undefined)
          await Promise.race([new Promise<void>(resolve => clock.after(PAUSE, resolve)), called]);
      }
      return undefined;
    } finally {
      stop();
    }
  }

  async #answers(ways: readonly Way[]): Promise<boolean> {
    const { network, probe, log } = this.#options;
    const hops = new Map<string, { link: string; address: string }>();
    for (const { peer } of ways) {
      const hop = hopTo(network.snapshot, peer);
      if (!hop) return false;
      hops.set(`${hop.link} ${hop.address}`, hop);
    }
    try {
      const answers = await Promise.all([...hops.values()].map(({ link, address }) => probe(link, address)));
      return answers.every(Boolean);
    } catch (error) {
      log.warn(`whether this node can still be reached is not known: ${errorMessage(error)}`);
      return false;
    }
  }

  #pause(milliseconds: number): Promise<void> {
    return new Promise(resolve => this.#options.clock.after(milliseconds, resolve));
  }
}
