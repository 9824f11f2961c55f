import { errorMessage } from '../../lib/errors.ts';
import type { OperatorSpec } from '../../resources/network/operator_spec.ts';
import type { Observed, Operator, OperatorOutputs } from '../operator.ts';
import { type Dhcp6Event, type Dhcp6State, initialDhcp6, nextDhcp6 } from './exchange.ts';
import { readLease6 } from './lease.ts';
import type { DhcpTools } from './operator4.ts';
import { leaseOutputs } from './outputs.ts';
import { Alarm, monotonicMilliseconds } from './time.ts';

/** Has one DHCPv6 exchange after the other on a link, for ever, and wants what the last lease says (spec/network.md §5.6). */
export class Dhcp6Operator implements Operator {
  readonly #tools: DhcpTools;
  readonly #changed: () => void;
  readonly #stop = new AbortController();
  readonly #alarm: Alarm;
  #state: Dhcp6State;
  #observed: Observed = { isReady: false, hardwareAddress: '', addresses: new Set() };
  #exchange: Promise<void> = Promise.resolve();

  constructor(tools: DhcpTools, { link }: OperatorSpec, changed: () => void) {
    this.#tools = tools;
    this.#changed = changed;
    this.#alarm = new Alarm(tools.clock, () => this.#handle({ kind: 'tick' }));
    this.#state = initialDhcp6(link, monotonicMilliseconds(tools.clock));
  }

  start(): void {
    this.#handle({ kind: 'tick' });
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.#alarm.clear();
    await this.#exchange;
  }

  observe(observed: Observed): void {
    const isBack = observed.isReady && !this.#observed.isReady;
    this.#observed = observed;
    if (isBack && this.#state.wait > 0) this.#handle({ kind: 'linkback' });
  }

  outputs(spec: OperatorSpec): OperatorOutputs {
    return leaseOutputs(spec, this.#state.held?.lease);
  }

  #handle(event: Dhcp6Event): void {
    if (this.#stop.signal.aborted) return;
    const { held } = this.#state;
    const { state, commands } = nextDhcp6(this.#state, event, monotonicMilliseconds(this.#tools.clock));
    this.#state = state;
    for (const command of commands) {
      if (command.kind === 'exchange') this.#exchange = this.#run();
      else this.#tools.logger[command.kind](command.message);
    }
    const expiresAt = state.held?.expiresAt ?? Number.POSITIVE_INFINITY;
    this.#alarm.set(state.isExchanging ? expiresAt : Math.min(expiresAt, state.dueAt));
    if (state.held !== held) this.#changed();
  }

  async #run(): Promise<void> {
    const { link } = this.#state;
    try {
      const { clients } = this.#tools;
      const reply = await clients.exchangeDhcp6(link, this.#observed.hardwareAddress, this.#stop.signal);
      this.#handle({ kind: 'reply', lease: readLease6(reply.values) });
    } catch (error) {
      this.#handle({ kind: 'failed', reason: errorMessage(error) });
    }
  }
}
