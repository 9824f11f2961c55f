import { publishServiceState } from '../events/publisher.ts';
import type { EventStream } from '../events/stream.ts';
import type { Clock } from '../lib/clock.ts';
import { errorMessage, TalosdError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { type Condition, stopReason, waitForAll } from './conditions.ts';
import type { ServiceDefinition } from './definition.ts';
import { encodeHealth, unknownHealth } from './encode.ts';
import { Health, runHealthChecks } from './health.ts';
import type { LogBuffers } from './log-buffers.ts';
import type { Runner } from './runner.ts';
import type { ServiceEvent, ServiceState, ServiceStatus } from './state.ts';

const HISTORY = 64;

/** What every service of a node shares. */
export interface ServiceTools {
  readonly clock: Clock;
  /** The node's own log. */
  readonly log: Logger;
  readonly logs: LogBuffers;
  readonly events: EventStream;
  /** Called after every change of a state or of health. */
  changed(): void;
  /** The condition that the service `id` is up. */
  isUp(id: string): Condition;
}

/** What a service can be asked to have become (sequences-and-services.md §3.6). */
export type ServiceGoal = 'up' | 'down' | 'finished';

/**
 * One service and its life (sequences-and-services.md §3.5):
 *
 * ```
 *  Initialized ── start ──► Waiting ──► Preparing ──────────────► Running ◄──┐
 *                 (if it     │ conditions  │ pre, runner   started │  health   │ 5 s later
 *                 depends)   │             │                       │  changes  │
 *                            ▼             ▼                       ├─► Waiting ┘  ended or crashed, restarts for ever
 *                         Failed ◄── error or stop                 │      │
 *                            ▲             │ no runner             ▼      ▼
 *                            │             ▼              stop: Stopping ──► Finished
 *                            │          Skipped                    │
 *                            └──────── error without restart ──────┘
 * ```
 *
 * Failed, Finished and Skipped are ends: only another start leads on. Each arrow writes a line into the node's log, an
 * entry into the history (the last 64) and a ServiceStateEvent. While Running, a turn of health does the same.
 */
export class Service {
  readonly definition: ServiceDefinition;
  readonly #tools: ServiceTools;
  readonly #history: ServiceEvent[] = [];
  readonly #health = new Health();
  #state: ServiceState = 'Initialized';
  /** There while active. */
  #stop: AbortController | undefined;
  #ended = Promise.resolve();
  #runner: Runner | undefined;
  /** Set when a run broke off: the next success is told even if no check failed in between. */
  #unconfirmed = false;

  constructor(definition: ServiceDefinition, tools: ServiceTools) {
    this.definition = definition;
    this.#tools = tools;
  }

  get id(): string {
    return this.definition.id;
  }

  get status(): ServiceStatus {
    return { id: this.id, state: this.#state, events: [...this.#history], health: this.#health.status };
  }

  /** Whether its start routine is alive: waiting, preparing, running, stopping or pausing before a restart. */
  get isActive(): boolean {
    return this.#stop !== undefined;
  }

  /** Process id of what runs now. */
  get pid(): number | undefined {
    return this.#runner?.pid;
  }

  has(goal: ServiceGoal): boolean {
    const state = this.#state;
    switch (goal) {
      case 'up':
        if (state === 'Running') return !this.definition.health || this.#health.status.healthy;
        return state === 'Skipped' || state === 'Finished';
      case 'down':
        return state === 'Failed' || state === 'Finished' || state === 'Skipped';
      case 'finished':
        return state === 'Finished';
    }
  }

  /** Begins; does nothing when active. */
  start(): void {
    if (this.#stop) return;
    const stop = new AbortController();
    this.#stop = stop;
    this.#ended = this.#live(stop.signal).finally(() => {
      this.#stop = undefined;
      this.#tools.changed();
    });
  }

  /** Ends, and resolves when it has; does nothing when not active. */
  async stop(): Promise<void> {
    this.#stop?.abort(stopReason());
    await this.#ended;
  }

  /** Ends the run, not the service: see {@link Runner.terminate}. */
  terminate(): boolean {
    return this.#runner?.terminate() ?? false;
  }

  async #live(stop: AbortSignal): Promise<void> {
    const { definition } = this;
    const tools = this.#tools;
    const conditions = definition.dependsOn.map(id => tools.isUp(id));
    if (definition.condition) conditions.push(definition.condition);
    if (conditions.length > 0) {
      const tell = (texts: string) => this.#record('Waiting', `Waiting for ${texts}`);
      if (!(await this.#step('Condition failed', waitForAll(conditions, tools.clock, stop, tell)))) return;
    }

    this.#record('Preparing', 'Running pre state');
    if (definition.pre && !(await this.#step('Failed to run pre stage', definition.pre(stop)))) return;

    this.#record('Preparing', 'Creating service runner');
    let runner: Runner | undefined;
    try {
      runner = definition.createRunner(tools);
    } catch (error) {
      this.#record('Failed', `Failed to create runner: ${errorMessage(error)}`);
      return;
    }
    if (!runner) {
      this.#record('Skipped', 'Service skipped');
      return;
    }

    const isFine = await this.#step('Failed running service', this.#run(runner, stop));
    if (isFine) this.#record('Finished', 'Service finished successfully');
    if (definition.post) {
      await this.#step('Failed to run post stage', definition.post(isFine ? 'Finished' : 'Failed'));
    }
  }

  /** Waits for one step of the way; its error is the end. */
  async #step(prefix: string, work: Promise<void>): Promise<boolean> {
    try {
      await work;
      return true;
    } catch (error) {
      this.#record('Failed', `${prefix}: ${errorMessage(error)}`);
      return false;
    }
  }

  async #run(runner: Runner, stop: AbortSignal): Promise<void> {
    const { definition } = this;
    const tools = this.#tools;
    await runner.open().catch(error => {
      throw new TalosdError('unknown', `error opening runner: ${errorMessage(error)}`, { cause: error });
    });
    this.#runner = runner;
    const ended = new AbortController();
    const running = Promise.withResolvers<void>();
    const record = (state: ServiceState, message: string) => {
      if (state === 'Waiting') this.#unconfirmed = true;
      this.#record(state, message);
      if (state === 'Running') running.resolve();
    };

    let checks = Promise.resolve();
    if (definition.health) {
      this.#health.begin(tools.clock.now());
      this.#unconfirmed = false;
      checks = runHealthChecks(definition.health, {
        clock: tools.clock,
        signal: AbortSignal.any([stop, ended.signal]),
        running: running.promise,
        report: failure => this.#reportHealth(failure),
      });
    }
    try {
      await runner.run(record, stop);
    } catch (error) {
      const what = stop.aborted ? 'error stopping service' : 'error running service';
      throw new TalosdError('unknown', `${what}: ${errorMessage(error)}`, { cause: error });
    } finally {
      ended.abort();
      await checks;
      this.#runner = undefined;
      await runner.close();
    }
  }

  #reportHealth(failure: string | undefined): void {
    const flipped = this.#health.update(failure, this.#tools.clock.now());
    if (this.#state !== 'Running') return;
    const isBack = this.#unconfirmed && failure === undefined;
    if (flipped || isBack) {
      this.#unconfirmed = false;
      const message = failure === undefined ? 'Health check successful' : `Health check failed: ${failure}`;
      this.#tell('Running', message, true);
    }
    this.#tools.changed();
  }

  #record(state: ServiceState, message: string): void {
    this.#state = state;
    this.#tell(state, message, false);
    this.#tools.changed();
  }

  #tell(state: ServiceState, message: string, isHealth: boolean): void {
    const { clock, log, events } = this.#tools;
    this.#history.push({ state, message, time: clock.now() });
    if (this.#history.length > HISTORY) this.#history.shift();
    log.info(`service[${this.id}](${state}): ${message}`);
    const health = isHealth ? encodeHealth(this.#health.status) : unknownHealth();
    publishServiceState(events, { service: this.id, state, message, health });
  }
}
