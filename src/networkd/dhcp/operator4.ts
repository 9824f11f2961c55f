import { Backoff } from '../../lib/backoff.ts';
import type { Clock } from '../../lib/clock.ts';
import { errorMessage } from '../../lib/errors.ts';
import type { Logger } from '../../lib/logger.ts';
import type { OperatorSpec } from '../../resources/network/operator_spec.ts';
import type { Dhcp4Client, DhcpClients } from '../../system/dhcp.ts';
import type { DhcpReport } from '../../system/dhcp-reports.ts';
import type { Observed, Operator, OperatorOutputs } from '../operator.ts';
import { readLease4 } from './lease.ts';
import { type Dhcp4Event, type Dhcp4State, initialDhcp4, nextDhcp4, requestedAddress } from './machine.ts';
import { leaseOutputs } from './outputs.ts';
import { Alarm, monotonicMilliseconds } from './time.ts';

/** What DHCP operators need. */
export interface DhcpTools {
  readonly clients: DhcpClients;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Between 0 and 1; spreads waits. */
  readonly random?: () => number;
}

/** Waits before a client that ended is started again, milliseconds. */
const RESTART = { initial: 1000, factor: 2, cap: 60_000, jitter: 0.2 };

/** Keeps a DHCPv4 client running on a link, for ever, and wants what its lease says (spec/network.md §5.5). */
export class Dhcp4Operator implements Operator {
  readonly #tools: DhcpTools;
  readonly #changed: () => void;
  readonly #stop = new AbortController();
  readonly #backoff: Backoff;
  readonly #alarm: Alarm;
  #state: Dhcp4State;
  #client: Dhcp4Client | undefined;
  #isReady = false;
  #running: Promise<void> = Promise.resolve();

  constructor(tools: DhcpTools, { link }: OperatorSpec, changed: () => void) {
    this.#tools = tools;
    this.#changed = changed;
    this.#backoff = new Backoff(RESTART, tools.random);
    this.#alarm = new Alarm(tools.clock, () => this.#handle({ kind: 'tick' }));
    this.#state = initialDhcp4(link);
  }

  start(): void {
    this.#running = this.#run(this.#stop.signal);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.#alarm.clear();
    this.#client?.stop();
    await this.#running;
  }

  observe({ isReady }: Observed): void {
    const isBack = isReady && !this.#isReady;
    this.#isReady = isReady;
    if (isBack && this.#client) this.#handle({ kind: 'linkback' });
  }

  outputs(spec: OperatorSpec): OperatorOutputs {
    return leaseOutputs(spec, this.#state.held?.lease);
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clients, clock } = this.#tools;
    while (!signal.aborted) {
      const address = requestedAddress(this.#state);
      const client = clients.startDhcp4({
        link: this.#state.link,
        ...(address === undefined ? {} : { address }),
        onReport: report => this.#handle(eventOf(report)),
      });
      this.#client = client;
      const reason = await client.ended;
      this.#client = undefined;
      if (signal.aborted) return;
      this.#handle({ kind: 'exit', reason });
      await clock.sleep(this.#backoff.next(), signal).catch(() => {}); // aborted: the loop ends
    }
  }

  #handle(event: Dhcp4Event | undefined): void {
    if (!event || this.#stop.signal.aborted) return;
    const { held } = this.#state;
    const { state, commands } = nextDhcp4(this.#state, event, monotonicMilliseconds(this.#tools.clock));
    this.#state = state;
    if (event.kind === 'bound' || event.kind === 'renew') this.#backoff.reset();
    for (const command of commands) {
      if (command.kind === 'renew') this.#client?.renew();
      else if (command.kind === 'restart') this.#client?.stop();
      else this.#tools.logger[command.kind](command.message);
    }
    this.#alarm.set(state.held?.expiresAt);
    if (state.held !== held) this.#changed();
  }
}

/** What a report of udhcpc says; nothing for those that do not matter. */
function eventOf({ event, values }: DhcpReport): Dhcp4Event | undefined {
  switch (event) {
    case 'deconfig':
    case 'leasefail':
      return { kind: event };
    case 'nak':
      return { kind: 'nak', reason: (values.get('message') ?? '').replace(/[^ -~]/g, '?').slice(0, 255) };
    case 'bound':
    case 'renew':
      try {
        return { kind: event, lease: readLease4(values) };
      } catch (error) {
        return { kind: 'unusable', reason: errorMessage(error) };
      }
    case '':
      return { kind: 'unusable', reason: "what the client's hook wrote has not the form of an event" };
    default:
      return undefined;
  }
}
