import type { EventStream } from '../events/stream.ts';
import type { Clock } from '../lib/clock.ts';
import { TalosdError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import type { Condition } from './conditions.ts';
import type { ServiceDefinition } from './definition.ts';
import type { LogBuffers } from './log-buffers.ts';
import { Service, type ServiceGoal, type ServiceTools } from './service.ts';
import type { ServiceStatus } from './state.ts';

/** How long all of a stop's waiting for dependents may take together, milliseconds. */
const STOP_PATIENCE = 30_000;

/** What a supervisor is made with. */
export interface SupervisorOptions {
  readonly clock: Clock;
  /** The node's own log. */
  readonly log: Logger;
  /** Where services write. */
  readonly logs: LogBuffers;
  readonly events: EventStream;
}

/** A service that clients see as a container: something runs now, under this process id. */
export interface ServiceTask {
  readonly id: string;
  readonly image: string;
  readonly pid: number;
}

/** Keeps the services of a node: loads, starts, stops and lists them (sequences-and-services.md §3.6–3.8). */
export class Supervisor {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #tools: ServiceTools;
  readonly #services = new Map<string, Service>();
  readonly #watchers = new Set<() => void>();
  #isTerminating = false;

  constructor({ clock, log, logs, events }: SupervisorOptions) {
    this.#clock = clock;
    this.#log = log;
    this.#tools = {
      clock,
      log,
      logs,
      events,
      changed: () => {
        for (const watcher of [...this.#watchers]) watcher();
      },
      isUp: id => this.goal(id, 'up'),
    };
  }

  /** Adds services without starting them. An id that is there already is left as it is. */
  load(...definitions: ServiceDefinition[]): void {
    if (this.#isTerminating) return;
    for (const definition of definitions) {
      if (!this.#services.has(definition.id)) {
        this.#services.set(definition.id, new Service(definition, this.#tools));
      }
    }
  }

  /** Starts services by id; one that is active is left alone. Throws `service "<id>" not defined`. */
  start(...ids: string[]): void {
    if (this.#isTerminating) return;
    for (const service of ids.map(id => this.#find(id))) service.start();
  }

  /** Stops services by id and resolves when they are down. Throws `service "<id>" not defined`. */
  async stop(...ids: string[]): Promise<void> {
    if (this.#isTerminating) return;
    await Promise.all(ids.map(id => this.#find(id)).map(service => service.stop()));
  }

  /** Stops services and forgets them; ids that are not there are left out. */
  async unload(...ids: string[]): Promise<void> {
    if (this.#isTerminating) return;
    await Promise.all(ids.map(id => this.#services.get(id)?.stop()));
    for (const id of ids) this.#services.delete(id);
    this.#tools.changed();
  }

  /** Stops services, each one after those of them that depend on it. */
  async stopWithDependents(...ids: string[]): Promise<void> {
    if (this.#isTerminating) return;
    await this.#stopInOrder(ids.map(id => this.#find(id)));
  }

  /** Stops everything, dependents first. Nothing can be loaded, started or stopped from then on; again it returns at once. */
  async shutdown(): Promise<void> {
    if (this.#isTerminating) return;
    this.#isTerminating = true;
    await this.#stopInOrder([...this.#services.values()]);
  }

  /** Whether everything was told to stop: nothing runs here any more. */
  get isShutDown(): boolean {
    return this.#isTerminating;
  }

  /** Every service, by id. */
  list(): ServiceStatus[] {
    return [...this.#services.values()]
      .map(service => service.status)
      .sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
  }

  /** The service object, or undefined where none is loaded. */
  find(id: string): Service | undefined {
    return this.#services.get(id);
  }

  /** The services that clients see as containers, of which something runs now; by id. */
  tasks(): ServiceTask[] {
    return this.list().flatMap(({ id }) => {
      const service = this.#find(id);
      const { image } = service.definition;
      return image === undefined || service.pid === undefined ? [] : [{ id, image, pid: service.pid }];
    });
  }

  /** Resolves when the service has reached the goal; rejects with the signal's reason, or when there is no such service. */
  waitFor(id: string, goal: ServiceGoal, signal: AbortSignal): Promise<void> {
    return this.goal(id, goal).wait(signal);
  }

  /** The condition that a service has reached a goal: `service "<id>" to be "up"`. */
  goal(id: string, goal: ServiceGoal): Condition {
    const isMet = () => this.#services.get(id)?.has(goal) ?? false;
    return {
      text: `service "${id}" to be "${goal}"`,
      isMet,
      wait: async signal => {
        if (!this.#services.has(id)) throw new TalosdError('unknown', `service "${id}" is not registered`);
        await this.#until(isMet, signal);
      },
    };
  }

  async #stopInOrder(services: readonly Service[]): Promise<void> {
    const active = services.filter(service => service.isActive);
    const limit = new AbortController();
    const cancel = this.#clock.after(STOP_PATIENCE, () => limit.abort());
    const stopLast = async (service: Service) => {
      const dependents = active.filter(({ definition }) => definition.dependsOn.includes(service.id));
      const left = () => dependents.filter(dependent => !dependent.has('down'));
      try {
        await this.#until(() => left().length === 0, limit.signal);
      } catch (error) {
        if (!limit.signal.aborted) throw error;
        const texts = left().map(({ id }) => this.goal(id, 'down').text);
        this.#log.error(`gave up on ${texts.join(', ')} while stopping "${service.id}"`);
      }
      await service.stop();
    };
    try {
      await Promise.all(active.map(stopLast));
    } finally {
      cancel();
    }
  }

  /** Resolves when `isMet` holds, looking after every change of any service. */
  #until(isMet: () => boolean, signal: AbortSignal): Promise<void> {
    if (isMet()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#watchers.delete(look);
        signal.removeEventListener('abort', giveUp);
      };
      const look = () => {
        if (!isMet()) return;
        leave();
        resolve();
      };
      const giveUp = () => {
        leave();
        reject(signal.reason);
      };
      if (signal.aborted) return reject(signal.reason);
      this.#watchers.add(look);
      signal.addEventListener('abort', giveUp, { once: true });
    });
  }

  #find(id: string): Service {
    const service = this.#services.get(id);
    if (!service) throw new TalosdError('unknown', `service "${id}" not defined`);
    return service;
  }
}
