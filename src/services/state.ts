/** States of a service, with the names that ServiceInfo shows (sequences-and-services.md §3.5). */
export type ServiceState =
  | 'Initialized'
  | 'Preparing'
  | 'Waiting'
  | 'Running'
  | 'Stopping'
  | 'Finished'
  | 'Failed'
  | 'Skipped';

/** One line of a service's history. */
export interface ServiceEvent {
  readonly state: ServiceState;
  readonly message: string;
  /** Milliseconds since the epoch. */
  readonly time: number;
}

/** What is known of a service's health; `lastChange` in milliseconds since the epoch, undefined before the service first runs. */
export interface HealthStatus {
  readonly unknown: boolean;
  readonly healthy: boolean;
  readonly lastMessage: string;
  readonly lastChange: number | undefined;
}

/** A service as clients see it (sequences-and-services.md §3.7). */
export interface ServiceStatus {
  readonly id: string;
  readonly state: ServiceState;
  /** The last 64, oldest first. */
  readonly events: readonly ServiceEvent[];
  readonly health: HealthStatus;
}

/** Puts a service into a state, with the text that its history, the node's log and the event stream show. */
export type RecordState = (state: ServiceState, message: string) => void;
