import type { Logger } from '../lib/logger.ts';

/** What a machine of this platform can do and how its config is validated (machine-config.md §5.1). */
export type PlatformMode = 'metal' | 'cloud' | 'container';

/** What a platform's calls get. */
export interface PlatformContext {
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** Takes what is waited for meanwhile (`undefined`: nothing any more); shown by `why`. */
  readonly waitingFor?: (reason: string | undefined) => void;
}

/**
 * What this machine is and where its config comes from (sequences-and-services.md §5). One file a platform.
 */
export interface Platform {
  readonly name: string;
  readonly mode: PlatformMode;
  /** The machine config this platform provides; `undefined` where it has no source, which means maintenance mode. */
  configuration(context: PlatformContext): Promise<Uint8Array | undefined>;
  /** The name the platform gives this machine; `undefined` where it gives none. Overrides the configured one (machine-config.md §6). */
  hostname(context: PlatformContext): Promise<string | undefined>;
  /** Addresses by which the outside reaches this machine and which no interface carries. */
  externalAddresses(context: PlatformContext): Promise<string[]>;
}
