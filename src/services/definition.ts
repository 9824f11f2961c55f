import type { Clock } from '../lib/clock.ts';
import type { Condition } from './conditions.ts';
import type { HealthCheck } from './health.ts';
import type { LogBuffers } from './log-buffers.ts';
import type { Runner } from './runner.ts';

/** What a runner is made with. */
interface RunnerTools {
  readonly logs: LogBuffers;
  readonly clock: Clock;
}

/** What a service is, before it runs (sequences-and-services.md §3.2). */
export interface ServiceDefinition {
  readonly id: string;
  /** Services that must be up first, in the order that messages list them. Each must be loaded on this node. */
  readonly dependsOn: readonly string[];
  /** What else must be there first. */
  readonly condition?: Condition;
  /** Prepares a start; its signal aborts when the service is stopped meanwhile. */
  pre?(signal: AbortSignal): Promise<void>;
  /** Makes what runs the service; undefined skips it. */
  createRunner(tools: RunnerTools): Runner | undefined;
  /** Clears up after an end. */
  post?(state: 'Finished' | 'Failed'): Promise<void>;
  readonly health?: HealthCheck;
  /** Image that container lists show; without one the service is not in them (spec/api.md §2.8). */
  readonly image?: string;
  /** Whether clients may start and restart it (sequences-and-services.md §3.8). */
  readonly mayRestart?: boolean;
}
