import { TalosdError } from '../lib/errors.ts';
import { type Exec, execError } from './exec.ts';

/** A network interface that stands for hardware. */
export interface HardwareLink {
  readonly name: string;
  /** Its own address in colon-hex, also while a bond lends it another. */
  readonly mac: string;
}

interface RawLink {
  readonly ifname?: string;
  readonly address?: string;
  readonly permaddr?: string;
  readonly linkinfo?: { readonly info_kind?: string };
}

/** The hardware interfaces of this machine, by iproute2. */
export async function listHardwareLinks(exec: Exec, signal: AbortSignal): Promise<HardwareLink[]> {
  const result = await exec('ip', ['-j', '-d', 'link', 'show'], { signal });
  if (result.failed) throw new TalosdError('unknown', `error listing host interfaces: ${execError(result).message}`);
  const links = JSON.parse(result.stdout) as RawLink[];
  return links.flatMap(({ ifname, address, permaddr, linkinfo }) =>
    ifname && address && !linkinfo?.info_kind ? [{ name: ifname, mac: (permaddr ?? address).toLowerCase() }] : [],
  );
}
