import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadUserConfig } from '../config/load-user-config.ts';
import { sequencePublisher } from '../events/publisher.ts';
import { EventStream } from '../events/stream.ts';
import { FakeClock } from '../lib/clock.ts';
import { Mutex } from '../lib/mutex.ts';
import { StoredConfig } from '../platform/stored-config.ts';
import { TrialFile } from '../platform/trial.ts';
import { MACHINE_CONFIG_ID, MachineConfigs } from '../resources/config/machine_config.ts';
import { Store } from '../runtime/store.ts';
import { LogBuffers } from '../services/log-buffers.ts';
import { Supervisor } from '../services/supervisor.ts';
import type { NodeActions } from './actions.ts';
import { type ApplyCall, ConfigApplier } from './apply.ts';
import { LifeControl, type LifeEnd } from './control.ts';
import { currentConfig, publishConfig } from './current-config.ts';
import { Sequencer } from './engine.ts';
import { ConnectivityGuard, type GuardOptions } from './guard.ts';
import type { PowerCommand } from './sequence.ts';
import { Trials } from './trials.ts';

/** The network and the callers of a node whose changes are guarded. */
export type GuardFake = Omit<GuardOptions, 'clock' | 'log'>;

const options = { mode: 'container', diskExists: () => true } as const;

/** What takes configs on a node, in memory but for the state folder, under a clock that a test moves. */
export class ApplyBed {
  readonly folder: string;
  readonly clock = new FakeClock();
  readonly store = new Store();
  readonly events: string[] = [];
  readonly lines: string[] = [];
  /** What the config in use was made to do besides the resource. */
  readonly effects: string[] = [];
  /** When services that are started anew are up. */
  restarted: Promise<void> = Promise.resolve();
  readonly ends: LifeEnd[] = [];
  /** The first of them. */
  readonly ended: Promise<LifeEnd>;
  readonly sequencer: Sequencer;
  readonly trials: Trials;
  readonly stored: StoredConfig;
  readonly applier: ConfigApplier;
  readonly control: LifeControl;
  /** The last task of a sequence that ends this life cannot be done. */
  isStuck = false;
  readonly turns = new Mutex();
  readonly #actions: NodeActions;
  readonly #guard: GuardFake | undefined;

  /** A node that runs with `document`, which is stored too. */
  static async start(document: string, guard?: GuardFake): Promise<ApplyBed> {
    const folder = await mkdtemp(join(tmpdir(), 'apply-'));
    await mkdir(folder, { recursive: true });
    const bed = new ApplyBed(folder, guard);
    const loaded = loadUserConfig(Buffer.from(document), options);
    await bed.stored.saveFirst(loaded.bytes);
    publishConfig(bed.store, loaded);
    return bed;
  }

  /** The next life of the agent on the same disk, with what that disk says. */
  async restart(): Promise<ApplyBed> {
    this.trials.close();
    const next = new ApplyBed(this.folder, this.#guard);
    await next.clock.advance(this.clock.now() - next.clock.now());
    await next.trials.resume();
    publishConfig(next.store, (await next.stored.load())!);
    return next;
  }

  private constructor(folder: string, guard: GuardFake | undefined) {
    this.folder = folder;
    this.#guard = guard;
    const { clock, store, turns } = this;
    const line = (text: string) => void this.lines.push(text);
    const log = { info: line, warn: line, error: line, task: (head: string, text: string) => line(`${head}: ${text}`) };
    const stream = new EventStream(clock);
    const publisher = sequencePublisher(stream);
    this.sequencer = new Sequencer({
      log,
      clock,
      events: {
        ...publisher,
        sequence: (name, action, error) => this.events.push(`${name} ${action}${error ? ` ${error.message}` : ''}`),
      },
    });
    this.stored = new StoredConfig({
      stateFolder: folder,
      log,
      parse: bytes => loadUserConfig(bytes, options),
    });
    this.trials = new Trials({
      file: new TrialFile({ stateFolder: folder, log }),
      stored: this.stored,
      turns,
      clock,
      log,
      onCutOff: text => this.events.push(`cut off: ${text}`),
    });
    const supervisor = new Supervisor({ clock, log, logs: new LogBuffers(), events: stream });
    const nothing = async () => {};
    const ended = Promise.withResolvers<LifeEnd>();
    this.ended = ended.promise;
    this.#actions = {
      ...{ setupLogger: nothing, setupSystemDirectory: nothing, loadConfig: nothing, validateConfig: nothing },
      ...{ saveConfig: nothing, setUserEnvVars: nothing, setupVarDirectory: nothing, startAllServices: nothing },
      stopAllServices: () => supervisor.shutdown(),
      restartAgent: async () => this.#lastStep('restart'),
      shutdown: async () => this.#lastStep('powerOff'),
    };
    this.control = new LifeControl({
      ...{ sequencer: this.sequencer, actions: this.#actions, supervisor, stored: this.stored, log },
      onEnd: end => {
        this.ends.push(end);
        ended.resolve(end);
      },
    });
    this.applier = new ConfigApplier({
      ...{ ...options, sequencer: this.sequencer, control: this.control, stored: this.stored, trials: this.trials },
      ...{ turns, store, clock, log, hasService: id => id === 'timed' },
      effects: {
        environment: ({ machine }) => void this.effects.push(`env ${JSON.stringify(machine?.env)}`),
        files: async ({ machine }) => void this.effects.push(`${machine?.files?.length} files`),
        sysctls: async ({ machine }) => void this.effects.push(`sysctls ${JSON.stringify(machine?.sysctls)}`),
        restart: async id => {
          this.effects.push(`restart ${id}`);
          await this.restarted;
        },
      },
      ...(guard ? { guard: new ConnectivityGuard({ ...guard, clock, log }) } : {}),
    });
  }

  #lastStep<Command extends PowerCommand>(command: Command): Command {
    if (this.isStuck) throw new Error(`${command} is not possible`);
    return command;
  }

  /** What the node runs with, and what its disk says. */
  async documents(): Promise<{ running: string; stored: string }> {
    const stored = await readFile(join(this.folder, 'config.yaml'), 'utf8');
    return { running: Buffer.from(currentConfig(this.store).bytes).toString(), stored };
  }

  get version(): string | number {
    return this.store.get(MachineConfigs, MACHINE_CONFIG_ID).metadata.version;
  }

  files(): Promise<string[]> {
    return readdir(this.folder);
  }

  /** Lets everything that is queued behind the config come to its end. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 3; turn++) {
      await this.turns.run(async () => {});
      await this.clock.advance(0);
    }
  }

  remove(): Promise<void> {
    return rm(this.folder, { recursive: true });
  }
}

/** A call of a client; `reply` is the moment at which its answer has left. */
export function clientCall(nodeCount = 1): ApplyCall & { reply(): void } {
  const actions: (() => void)[] = [];
  return {
    nodeCount,
    afterReply: action => void actions.push(action),
    reply: () => {
      for (const action of actions.splice(0)) action();
    },
  };
}
