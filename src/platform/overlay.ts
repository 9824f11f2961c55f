import type { MachineConfig } from '../config/schema/config.ts';
import { errorMessage } from '../lib/errors.ts';
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

/** Asks the platform. Without a hostname that it should have this fails; missing addresses are only reported. */
export async function acquireOverlay(platform: Platform, context: PlatformContext): Promise<Overlay> {
  const hostname = await platform.hostname(context);
  try {
    return { hostname, externalAddresses: await platform.externalAddresses(context) };
  } catch (error) {
    context.log.warn(`certificates will be created without external IPs: ${errorMessage(error)}`);
    return { hostname, externalAddresses: [] };
  }
}

/** The node's name: the platform's, else the configured one. */
export function effectiveHostname(config: MachineConfig, overlay: Overlay): string | undefined {
  return overlay.hostname ?? (config.machine?.network?.hostname || undefined);
}

/** Addresses that belong into certificates besides the configured ones: external ones first, then shared ones in interface order. */
export function overlayAddresses(config: MachineConfig, overlay: Overlay): string[] {
  const vips = (config.machine?.network?.interfaces ?? []).flatMap(({ vip }) => vip?.ip ?? []);
  return [...new Set([...overlay.externalAddresses, ...vips.filter(ip => parseIp(ip) !== undefined)])];
}
