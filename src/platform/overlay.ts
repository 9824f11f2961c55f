import type { MachineConfig } from '../config/schema/config.ts';
import type { Clock } from '../lib/clock.ts';
import { errorMessage, TalosdError } from '../lib/errors.ts';
import { parseIp } from '../lib/ip.ts';
import type { Platform, PlatformContext } from './platform.ts';

/**
 * What the platform adds to a node's config (machine-config.md §6). It is kept apart from the user's document and laid
 * over it by whoever needs a name or an address, so the document that a node was started from applies again as it is.
 */
export interface Overlay {
  /** Wins over `machine.network.hostname`. */
  readonly hostname: string | undefined;
  /** Addresses by which the outside reaches this machine and which no interface carries. */
  readonly externalAddresses: readonly string[];
}

export const EMPTY_OVERLAY: Overlay = { hostname: undefined, externalAddresses: [] };

/** How long a platform may take to say both, milliseconds. */
const PATIENCE = 30_000;

/** Asks the platform. Without a hostname that it should have this fails; missing addresses are only reported. */
export async function acquireOverlay(platform: Platform, context: PlatformContext, clock: Clock): Promise<Overlay> {
  const patience = new AbortController();
  const late = new TalosdError(
    'deadline_exceeded',
    `the ${platform.name} platform did not answer in ${PATIENCE / 1000}s`,
  );
  const stop = clock.after(PATIENCE, () => patience.abort(late));
  const limited = { ...context, signal: AbortSignal.any([context.signal, patience.signal]) };
  try {
    const hostname = await platform.hostname(limited);
    return { hostname, externalAddresses: await addressesOrNone(platform, limited, context.signal) };
  } finally {
    stop();
  }
}

async function addressesOrNone(platform: Platform, context: PlatformContext, outer: AbortSignal): Promise<string[]> {
  try {
    return await platform.externalAddresses(context);
  } catch (error) {
    if (outer.aborted) throw error;
    context.log.warn(`certificates will be created without external IPs: ${errorMessage(error)}`);
    return [];
  }
}

/** The name that somebody gives the node: the configured one, else the platform's (spec/network.md §7.4). */
export function effectiveHostname(config: MachineConfig, overlay: Overlay): string | undefined {
  return config.machine?.network?.hostname || overlay.hostname;
}

/** Addresses that belong into certificates besides the configured ones: external ones first, then shared ones in interface order. */
export function overlayAddresses(config: MachineConfig, overlay: Overlay): string[] {
  const vips = (config.machine?.network?.interfaces ?? []).flatMap(({ vip }) => vip?.ip ?? []);
  return [...new Set([...overlay.externalAddresses, ...vips.filter(ip => parseIp(ip) !== undefined)])];
}
