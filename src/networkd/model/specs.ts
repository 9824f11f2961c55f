import type { Route } from '../../config/schema/network.ts';
import { type Cidr, formatCidr, networkText, parseCidr, parseIp } from '../../lib/ip.ts';
import type { AddressSpec } from '../../resources/network/address_spec.ts';
import type { LinkKind, LinkSpec } from '../../resources/network/link_spec.ts';
import type { OperatorSpec } from '../../resources/network/operator_spec.ts';
import { type RouteSpec, TABLE_MAIN } from '../../resources/network/route_spec.ts';
import type { Device, Method } from './devices.ts';

const DEFAULT_METRIC = 10;
const LOOPBACK_MTU = 65536;

/** The links that the devices want, ignored ones left out (spec/network.md §4). */
export function linkSpecs(devices: readonly Device[]): LinkSpec[] {
  const links = active(devices).flatMap(device => {
    const { name, mtu, layer, path, bond, wireguard } = device;
    const parent: LinkSpec = {
      name,
      kind: kindOf(device),
      up: true,
      mtu,
      // An entry without addresses leaves them to routers, and DHCPv6 brings no routes.
      ...(device.methods.some(({ kind, dhcp6 }) => kind === 'none' || dhcp6) ? { heedsRouters: true } : {}),
      ...(bond ? { bond } : {}),
      ...(wireguard ? { wireguard } : {}),
      layer,
      path,
    };
    const vlans = device.vlans.map(({ vlan, path: place }): LinkSpec => {
      const id = vlan.vlanId ?? 0;
      return { name: `${name}.${id}`, kind: 'vlan', up: true, mtu: 0, vlan: { parent: name, id }, layer, path: place };
    });
    return [parent, ...vlans];
  });
  if (isLoopbackIgnored(devices)) return links;
  const loopback: LinkSpec = { name: 'lo', kind: 'physical', up: true, mtu: LOOPBACK_MTU, layer: 'default', path: '' };
  return [...links, loopback];
}

function kindOf({ bond, isDummy, wireguard }: Device): LinkKind {
  if (bond) return 'bond';
  if (isDummy) return 'dummy';
  return wireguard ? 'wireguard' : 'physical';
}

/** The fixed addresses of the devices, and that of the loopback link (spec/network.md §2 step 6). */
export function addressSpecs(devices: readonly Device[]): AddressSpec[] {
  const addresses = statics(devices).flatMap(({ link, cidr, layer, path }): AddressSpec[] =>
    cidr ? [{ address: formatCidr(cidr), link, layer, path }] : [],
  );
  if (isLoopbackIgnored(devices)) return addresses;
  return [...addresses, { address: '127.0.0.1/8', link: 'lo', layer: 'default', path: '' }];
}

/** What runs on the devices; a virtual address runs on an ignored one too (spec/network.md §2.1). */
export function operatorSpecs(devices: readonly Device[]): OperatorSpec[] {
  const shared = devices
    .filter(({ vip }) => vip !== '')
    .map(({ name, vip, path }) => ({ operator: 'vip' as const, link: name, ip: vip, layer: 'config' as const, path }));
  const clients = active(devices).flatMap(device => [
    ...device.methods.flatMap(method => clientsOf(device.name, method)),
    ...device.vlans
      .filter(({ vlan }) => vlan.dhcp)
      .map(
        ({ vlan, path }): OperatorSpec => ({
          operator: 'dhcp4',
          link: `${device.name}.${vlan.vlanId ?? 0}`,
          routeMetric: 1024,
          layer: 'config',
          path,
        }),
      ),
  ]);
  return [...clients, ...shared];
}

function clientsOf(link: string, { dhcp4, dhcp6, routeMetric, layer, path }: Method): OperatorSpec[] {
  return [
    ...(dhcp4 ? [{ operator: 'dhcp4', link, routeMetric, layer, path } as const] : []),
    ...(dhcp6 ? [{ operator: 'dhcp6', link, layer, path } as const] : []),
  ];
}

/** The routes of the devices; those of a DHCPv6-only entry are dropped (spec/network.md §5.4). */
export function routeSpecs(devices: readonly Device[]): RouteSpec[] {
  const gateways = new Gateways();
  const leased = active(devices).flatMap(device =>
    device.methods
      .filter(({ kind, dhcp4 }) => kind === 'none' || (kind === 'dhcp' && dhcp4))
      .map(method => ({ ...method, link: device.name, cidr: undefined })),
  );
  return [...statics(devices), ...leased].flatMap(({ link, cidr, routes, layer, path, kind }) =>
    routes.flatMap((route, index): RouteSpec[] => {
      const place = layer === 'config' ? `${path}.routes[${index}]` : path;
      const spec = routeSpec(gateways, { route, link, cidr, awaitsAddress: kind === 'dhcp' });
      return spec ? [{ ...spec, layer, path: place }] : [];
    }),
  );
}

/** A route as spec/network.md §5.4 has it; nothing where its network does not read. */
function routeSpec(
  gateways: Gateways,
  { route, link, cidr, awaitsAddress }: { route: Route; link: string; cidr: Cidr | undefined; awaitsAddress: boolean },
): Omit<RouteSpec, 'layer' | 'path'> | undefined {
  const network = networkText(route.network ?? '');
  if (!network) return undefined;
  const gateway = gateways.read(route.gateway ?? '');
  const isDefaultByLinkLocal = network.text === '::/0' && /^fe[89ab]/.test(gateway);
  const source = cidr?.address.family === network.family && !isDefaultByLinkLocal ? cidr.address.text : '';
  const metric = route.metric || DEFAULT_METRIC;
  return { table: TABLE_MAIN, destination: network.text, gateway, link, source, metric, awaitsAddress };
}

/** Reads gateways; thousands of routes share a few of them. */
class Gateways {
  readonly #gateways = new Map<string, string>();

  /** Canonical text; empty for one that does not read, and for "none". */
  read(text: string): string {
    const known = this.#gateways.get(text);
    if (known !== undefined) return known;
    const address = parseIp(text);
    const canonical = address && address.value !== 0n ? address.text : '';
    this.#gateways.set(text, canonical);
    return canonical;
  }
}

/** A fixed address of a link, with the routes that go with it. */
interface Static extends Pick<Method, 'routes' | 'layer' | 'path' | 'kind'> {
  readonly link: string;
  readonly cidr: Cidr | undefined;
}

function statics(devices: readonly Device[]): Static[] {
  return active(devices).flatMap(device => [
    ...device.methods
      .filter(({ kind }) => kind === 'static')
      .map(({ cidr, routes, layer, path, kind }) => ({
        link: device.name,
        cidr: parseCidr(cidr),
        routes,
        layer,
        path,
        kind,
      })),
    ...device.vlans
      .filter(({ vlan }) => vlan.cidr)
      .map(({ vlan, path }) => ({
        link: `${device.name}.${vlan.vlanId ?? 0}`,
        cidr: parseCidr(vlan.cidr ?? ''),
        routes: vlan.routes ?? [],
        layer: 'config' as const,
        path,
        kind: 'static' as const,
      })),
  ]);
}

function isLoopbackIgnored(devices: readonly Device[]): boolean {
  return devices.some(({ name, isIgnored }) => name === 'lo' && isIgnored);
}

function active(devices: readonly Device[]): readonly Device[] {
  return devices.filter(({ isIgnored }) => !isIgnored);
}
