import { parseCidr } from '../../lib/ip.ts';
import type { HostnameSpec } from '../../resources/network/hostname_spec.ts';
import type { Layer } from '../../resources/network/layer.ts';
import type { Device } from './devices.ts';
import type { IpArgument } from './kernel-arguments.ts';

/** The name of a machine that nothing names, and the address of that name (spec/network.md §7.4 row 0). */
export const DEFAULT_NAME: HostnameSpec = {
  hostname: 'talos-127-0-1-1',
  domain: '',
  address: '127.0.1.1',
  link: '',
  layer: 'default',
  path: '',
};

const LONGEST_LABEL = 63;
const LONGEST_NAME = 253;

/** A full name in its two parts, or what is wrong with it (spec/network.md §7.4). */
export function splitName(name: string): { readonly hostname: string; readonly domain: string } | string {
  const dot = name.indexOf('.');
  const hostname = dot < 0 ? name : name.slice(0, dot);
  if (hostname.length > LONGEST_LABEL) {
    return `hostname length longer than max allowed (${LONGEST_LABEL}): ${hostname}`;
  }
  if (name.length > LONGEST_NAME) {
    return `hostname fqdn length longer than max allowed (${LONGEST_NAME}): ${name}`;
  }
  if (hostname === '' || /[^A-Za-z0-9_.-]/.test(name)) return `${JSON.stringify(name)} can't be a hostname`;
  return { hostname, domain: dot < 0 ? '' : name.slice(dot + 1) };
}

/**
 * The name that the first fixed address gives, by name of link (spec/network.md §7.4 row 1): devices that are ignored
 * count, loopback does not.
 */
export function addressNames(devices: readonly Device[], argument: IpArgument | undefined): HostnameSpec[] {
  return devices
    .filter(({ name }) => !name.startsWith('lo'))
    .flatMap(({ name, methods }) => {
      for (const { kind, cidr, layer, path } of methods) {
        const address = kind === 'static' ? parseCidr(cidr)?.address.text : undefined;
        if (address === undefined) continue;
        const label = layer === 'cmdline' ? (argument?.hostname ?? '') : `talos-${address.replace(/[.:]+/g, '-')}`;
        const names = label === '' ? '' : splitName(label);
        if (typeof names === 'string') continue;
        return [{ ...names, address, link: name, layer: layer === 'cmdline' ? layer : ('default' as Layer), path }];
      }
      return [];
    });
}
