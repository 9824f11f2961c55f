import { routeKey } from '../../resources/network/route_spec.ts';
import type { BondOptions, LinkCreation } from '../../system/ip-operations.ts';
import {
  AF_INET6,
  type LinkSnapshot,
  type NetworkSnapshot,
  type RouteSnapshot,
} from '../../system/network-snapshot.ts';

const TABLE_LOCAL = 255;
const FLAG_UP = 1;

/** MTU of new links by kind, as the kernel gives it. */
const NEW_MTU: Readonly<Record<string, number>> = { wireguard: 1420 };

/** A link in a draft. */
export interface DraftLink {
  readonly name: string;
  readonly kind: string;
  readonly parent: string;
  isUp: boolean;
  mtu: number;
  master: string;
  options: BondOptions;
  /** `address/prefix`, and whether it can be a source yet. */
  readonly addresses: Map<string, { readonly isTentative: boolean }>;
}

/**
 * The network as it will be after the steps planned so far: a step takes more with it than it names, and what it takes
 * has to come back in the same plan.
 */
export class Draft {
  readonly links = new Map<string, DraftLink>();
  /** By what the kernel tells routes apart by. */
  readonly #routes = new Map<string, RouteSnapshot[]>();
  /** By preferred source; made when it is first needed. */
  #bySource: Map<string, RouteSnapshot[]> | undefined;

  constructor(observed: NetworkSnapshot) {
    for (const link of observed.links) this.links.set(link.name, toDraftLink(link));
    for (const route of observed.routes) {
      if (route.table === TABLE_LOCAL) continue;
      const key = routeKey(route);
      const others = this.#routes.get(key);
      if (others) others.push(route);
      else this.#routes.set(key, [route]);
    }
  }

  /** All routes with the key. */
  routes(key: string): readonly RouteSnapshot[] {
    return this.#routes.get(key) ?? [];
  }

  hasAddress(link: string, address: string): boolean {
    return this.links.get(link)?.addresses.has(address) ?? false;
  }

  create(name: string, link: LinkCreation): void {
    const parent = link.type === 'vlan' ? link.parent : '';
    this.links.set(name, {
      name,
      kind: link.type,
      parent,
      isUp: false,
      mtu: (parent === '' ? NEW_MTU[link.type] : this.links.get(parent)?.mtu) ?? 1500,
      master: '',
      options: link.type === 'bond' ? link.options : {},
      addresses: new Map(),
    });
  }

  /** A link takes the VLANs on it along, and sets its members free. */
  delete(name: string): void {
    this.#dropRoutes(route => route.link === name);
    this.links.delete(name);
    for (const other of [...this.links.values()]) {
      if (other.master === name) this.release(other.name);
      if (other.kind === 'vlan' && other.parent === name) this.delete(other.name);
    }
  }

  /** Routes and IPv6 addresses do not outlive the fall; the VLANs on the link fall with it. */
  down(name: string): void {
    const link = this.links.get(name);
    if (!link?.isUp) return;
    link.isUp = false;
    for (const address of [...link.addresses.keys()]) {
      if (address.includes(':')) link.addresses.delete(address);
    }
    this.#dropRoutes(route => route.link === name);
    for (const other of this.links.values()) {
      if (other.kind === 'vlan' && other.parent === name) this.down(other.name);
    }
  }

  enslave(name: string, master: string): void {
    const link = this.links.get(name);
    if (link) Object.assign(link, { master, isUp: true });
  }

  release(name: string): void {
    this.down(name);
    const link = this.links.get(name);
    if (link) link.master = '';
  }

  /** The VLANs on a link shrink with it. */
  setMtu(name: string, mtu: number): void {
    const link = this.links.get(name);
    if (!link) return;
    link.mtu = mtu;
    for (const other of this.links.values()) {
      if (other.kind === 'vlan' && other.parent === name) other.mtu = Math.min(other.mtu, mtu);
    }
  }

  addAddress(link: string, address: string): void {
    this.links.get(link)?.addresses.set(address, { isTentative: address.includes(':') });
  }

  /** Routes from the address go with it, unless another link has it too. */
  deleteAddress(link: string, address: string): void {
    this.links.get(link)?.addresses.delete(address);
    this.#bySource ??= Map.groupBy([...this.#routes.values()].flat(), route => route.source);
    const source = address.slice(0, address.indexOf('/'));
    if (this.#isLocal(`${source}/`)) return;
    for (const route of this.#bySource.get(source) ?? []) this.deleteRoute(route);
  }

  #isLocal(start: string): boolean {
    for (const { addresses } of this.links.values()) {
      for (const address of addresses.keys()) if (address.startsWith(start)) return true;
    }
    return false;
  }

  deleteRoute(gone: RouteSnapshot): void {
    const key = routeKey(gone);
    const rest = this.routes(key).filter(route => route !== gone);
    if (rest.length > 0) this.#routes.set(key, rest);
    else this.#routes.delete(key);
  }

  #dropRoutes(isGone: (route: RouteSnapshot) => boolean): void {
    for (const [key, routes] of this.#routes) {
      if (!routes.some(isGone)) continue;
      const rest = routes.filter(route => !isGone(route));
      if (rest.length > 0) this.#routes.set(key, rest);
      else this.#routes.delete(key);
    }
  }
}

function toDraftLink({ name, flags, mtu, addresses, details }: LinkSnapshot): DraftLink {
  return {
    name,
    kind: details?.kind ?? '',
    parent: details?.parent ?? '',
    isUp: (flags & FLAG_UP) !== 0,
    mtu,
    master: details?.master ?? '',
    options: details?.bond ?? {},
    addresses: new Map(
      addresses.map(({ family, address, prefixLength, tentative = false }) => [
        `${address}/${prefixLength}`,
        { isTentative: family === AF_INET6 && tentative },
      ]),
    ),
  };
}
