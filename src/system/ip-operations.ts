/** Options of a bond by their iproute2 word (spec/network.md §4.1). */
export type BondOptions = Readonly<Record<string, string>>;

/** What a link is created as. */
export type LinkCreation =
  | { readonly type: 'bond'; readonly options: BondOptions }
  | { readonly type: 'dummy' }
  | { readonly type: 'wireguard' }
  | { readonly type: 'vlan'; readonly parent: string; readonly id: number };

/** An address on a link. */
export interface LinkAddress {
  readonly link: string;
  /** Canonical `address/prefix`. */
  readonly address: string;
}

/** A unicast route with one next hop. All texts are canonical. */
export interface LinkRoute {
  readonly table: number;
  readonly destination: string;
  /** Empty where the destination is on the link itself. */
  readonly gateway: string;
  readonly link: string;
  /** Preferred source address, empty for the kernel's choice. */
  readonly source: string;
  readonly metric: number;
}

type Action =
  | { readonly kind: 'create-link'; readonly name: string; readonly link: LinkCreation }
  | { readonly kind: 'delete-link'; readonly name: string }
  | { readonly kind: 'bond-options'; readonly name: string; readonly options: BondOptions }
  | { readonly kind: 'up'; readonly name: string }
  | { readonly kind: 'down'; readonly name: string }
  | { readonly kind: 'mtu'; readonly name: string; readonly mtu: number }
  | { readonly kind: 'enslave'; readonly name: string; readonly master: string }
  | { readonly kind: 'release'; readonly name: string }
  | ({ readonly kind: 'add-address' | 'delete-address' } & LinkAddress)
  | ({ readonly kind: 'add-route' | 'delete-route' } & LinkRoute);

/** One change of the network of this namespace. `cause` names what asked for it: a path into the config, or a layer. */
export type Operation = Action & { readonly cause: string };

/** An operation that the kernel refused, and its words. */
export interface Refusal {
  readonly operation: Operation;
  readonly message: string;
}

/** The kernel's number of the protocol with which routes are made: `boot` (spec/network.md §5.4). */
export const ROUTE_PROTOCOL = 3;
const TABLE_MAIN = 254;

/** Whether a text can stand in a batch file as the name of a link: no blanks, quotes, comment signs or slashes, 15 bytes. */
export function isLinkName(name: string): boolean {
  return /^[^\s/:"'#\\]+$/.test(name) && name !== '.' && name !== '..' && Buffer.byteLength(name) <= 15;
}

/** Every link that has to be there for the operation. */
export function linksOf(operation: Operation): string[] {
  if (!('name' in operation)) return [operation.link];
  if (operation.kind === 'enslave') return [operation.name, operation.master];
  if (operation.kind === 'create-link') return operation.link.type === 'vlan' ? [operation.link.parent] : [];
  return [operation.name];
}

/** The line of `ip -batch` that does the operation (spec/network.md §10). */
export function renderOperation(operation: Operation): string {
  switch (operation.kind) {
    case 'create-link':
      return renderCreation(operation.name, operation.link);
    case 'delete-link':
      return `link del dev ${operation.name}`;
    case 'bond-options':
      return `link set dev ${operation.name} type bond ${renderOptions(operation.options)}`;
    case 'up':
    case 'down':
      return `link set dev ${operation.name} ${operation.kind}`;
    case 'mtu':
      return `link set dev ${operation.name} mtu ${operation.mtu}`;
    case 'enslave':
      return `link set dev ${operation.name} master ${operation.master}`;
    case 'release':
      return `link set dev ${operation.name} nomaster`;
    case 'add-address':
      return `addr add ${operation.address}${addressAttributes(operation.address)} dev ${operation.link}`;
    case 'delete-address':
      return `addr del ${operation.address} dev ${operation.link}`;
    case 'add-route':
      return `route add ${renderRoute(operation)}`;
    case 'delete-route':
      return `route del ${renderRoute(operation)}`;
  }
}

function renderCreation(name: string, link: LinkCreation): string {
  switch (link.type) {
    case 'vlan':
      return `link add link ${link.parent} name ${name} type vlan id ${link.id}`;
    case 'bond':
      return `link add name ${name} type bond ${renderOptions(link.options)}`.trimEnd();
    default:
      return `link add name ${name} type ${link.type}`;
  }
}

function renderOptions(options: BondOptions): string {
  return Object.entries(options)
    .map(([word, value]) => `${word} ${value}`)
    .join(' ');
}

/** Broadcast address and scope of an IPv4 address; the kernel knows those of IPv6 (spec/network.md §5.3). */
function addressAttributes(address: string): string {
  if (address.includes(':')) return '';
  if (address.startsWith('127.')) return ' scope host';
  const broadcast = Number(address.slice(address.indexOf('/') + 1)) <= 30 ? ' brd +' : '';
  const isLinkLocal = address.startsWith('169.254.') || Number.parseInt(address, 10) >= 224;
  return isLinkLocal ? `${broadcast} scope link` : broadcast;
}

/** `proto` and `scope` belong to the key by which the kernel finds a route that is to be removed. */
function renderRoute(route: LinkRoute): string {
  const isIpv4 = !route.destination.includes(':');
  const via = route.gateway === '' ? (isIpv4 ? ' scope link' : '') : ` via ${route.gateway}`;
  const source = route.source === '' ? '' : ` src ${route.source}`;
  const table = route.table === TABLE_MAIN ? '' : ` table ${route.table}`;
  return `${route.destination}${via} dev ${route.link} proto boot${source} metric ${route.metric}${table}`;
}
