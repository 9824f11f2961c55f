import { cidrContains, parseCidr, parseIp } from '../../../lib/ip.ts';
import type { LinkCreation, LinkRoute, Operation } from '../../../system/ip-operations.ts';
import { AF_INET, AF_INET6, type NetworkSnapshot } from '../../../system/network-snapshot.ts';

/** A link of the model. */
export interface ModelLink {
  kind: string;
  parent: string;
  vlanId: number;
  isUp: boolean;
  mtu: number;
  master: string;
  options: Record<string, string>;
  /** `address/prefix`; the value says whether it is tentative. */
  addresses: Map<string, boolean>;
}

/** As much of the kernel's network as the planner deals with, with its rules of refusal. For tests. */
export class ModelKernel {
  readonly links = new Map<string, ModelLink>();
  routes: LinkRoute[] = [];

  addLink(name: string, change: Partial<ModelLink> = {}): void {
    const link = { kind: '', parent: '', vlanId: 0, isUp: false, mtu: 1500, master: '', options: {} };
    this.links.set(name, { ...link, addresses: new Map(), ...change });
  }

  /** Does all operations in order, as `ip -force -batch` would; returns what was refused. */
  apply(operations: readonly Operation[]): string[] {
    return operations.flatMap(operation => {
      const refusal = this.#apply(operation);
      return refusal === undefined ? [] : [`${JSON.stringify(operation)}: ${refusal}`];
    });
  }

  /** Duplicate address detection has found nothing. */
  settleAddresses(): void {
    for (const { addresses } of this.links.values())
      for (const address of addresses.keys()) addresses.set(address, false);
  }

  snapshot(): NetworkSnapshot {
    let index = 0;
    return {
      links: [...this.links].map(([name, link]) => ({
        index: ++index,
        name,
        mtu: link.mtu,
        hardwareAddress: '',
        flags: link.isUp ? 1 : 0,
        operationalState: link.isUp ? 'UP' : 'DOWN',
        addresses: [...link.addresses].map(([text, isTentative]) => {
          const { address, prefix } = parseCidr(text)!;
          const family = address.family === 4 ? AF_INET : AF_INET6;
          const known = { family, address: address.text, prefixLength: prefix, scope: 0 } as const;
          return isTentative ? { ...known, tentative: true as const } : known;
        }),
        details: {
          kind: link.kind,
          master: link.master,
          parent: link.parent,
          vlanId: link.vlanId,
          bond: link.options,
          hasCarrier: link.isUp,
        },
      })),
      routes: this.routes.map(route => ({
        ...route,
        family: route.destination.includes(':') ? AF_INET6 : AF_INET,
        sourceLength: 0,
        scope: 0,
        protocol: 3,
        flags: 0,
        type: 1,
      })),
    };
  }

  #apply(operation: Operation): string | undefined {
    if (operation.kind === 'create-link') return this.#create(operation);
    const link = this.links.get('name' in operation ? operation.name : operation.link);
    if (!link) return 'Cannot find device';
    switch (operation.kind) {
      case 'delete-link':
        this.#delete(operation.name);
        return undefined;
      case 'bond-options': {
        const words = Object.keys(operation.options);
        const hasMembers = [...this.links.values()].some(({ master }) => master === operation.name);
        if (words.includes('mode') && (link.isUp || hasMembers)) return 'Device or resource busy';
        if (words.includes('lacp_rate') && link.isUp) return 'Device or resource busy';
        Object.assign(link.options, operation.options);
        return undefined;
      }
      case 'up':
        if (link.kind === 'vlan' && !this.links.get(link.parent)?.isUp) return 'Network is down';
        link.isUp = true;
        return undefined;
      case 'down':
        this.#down(operation.name, link);
        return undefined;
      case 'mtu':
        link.mtu = operation.mtu;
        for (const other of this.links.values()) {
          if (other.parent === operation.name) other.mtu = Math.min(other.mtu, link.mtu);
        }
        return undefined;
      case 'enslave':
        if (link.isUp) return 'Device can not be enslaved while up';
        if (!this.links.has(operation.master)) return 'Cannot find device';
        Object.assign(link, { master: operation.master, isUp: true });
        return undefined;
      case 'release':
        if (link.master === '') return 'not a member';
        this.#down(operation.name, link);
        link.master = '';
        return undefined;
      case 'add-address': {
        const start = operation.address.split('/')[0];
        const isTaken = [...link.addresses.keys()].some(
          other => other === operation.address || (other.includes(':') && other.split('/')[0] === start),
        );
        if (isTaken) return 'Address already assigned';
        link.addresses.set(operation.address, operation.address.includes(':'));
        return undefined;
      }
      case 'delete-address':
        if (!link.addresses.delete(operation.address)) return 'Cannot assign requested address';
        this.routes = this.routes.filter(({ source }) => source === '' || this.#isLocal(source));
        return undefined;
      case 'add-route':
        return this.#addRoute(operation, link);
      case 'delete-route': {
        const { table, destination, gateway, link: name, metric } = operation;
        const rest = this.routes.filter(
          route =>
            route.table !== table ||
            route.destination !== destination ||
            route.gateway !== gateway ||
            route.link !== name ||
            route.metric !== metric,
        );
        if (rest.length === this.routes.length) return 'No such process';
        this.routes = rest;
        return undefined;
      }
    }
  }

  #create({ name, link }: { name: string; link: LinkCreation }): string | undefined {
    if (this.links.has(name)) return 'File exists';
    const isVlan = link.type === 'vlan';
    const parent = isVlan ? this.links.get(link.parent) : undefined;
    if (isVlan && !parent) return 'Cannot find device';
    this.addLink(name, {
      kind: link.type,
      parent: isVlan ? link.parent : '',
      vlanId: isVlan ? link.id : 0,
      mtu: link.type === 'wireguard' ? 1420 : (parent?.mtu ?? 1500),
      options: link.type === 'bond' ? { mode: 'balance-rr', miimon: '0', ...link.options } : {},
    });
    return undefined;
  }

  #delete(name: string): void {
    this.routes = this.routes.filter(({ link }) => link !== name);
    this.links.delete(name);
    for (const [other, link] of [...this.links]) {
      if (link.master === name) {
        this.#down(other, link);
        link.master = '';
      }
      if (link.parent === name) this.#delete(other);
    }
  }

  #down(name: string, link: ModelLink): void {
    if (!link.isUp) return;
    link.isUp = false;
    for (const address of [...link.addresses.keys()]) if (address.includes(':')) link.addresses.delete(address);
    this.routes = this.routes.filter(route => route.link !== name);
    for (const [other, child] of this.links) if (child.parent === name) this.#down(other, child);
  }

  #addRoute(route: LinkRoute, link: ModelLink): string | undefined {
    const { table, destination, gateway, source, metric } = route;
    if (!link.isUp) return 'Network is down';
    if (
      this.routes.some(other => other.table === table && other.destination === destination && other.metric === metric)
    )
      return 'File exists';
    if (source !== '' && !this.#isLocal(source, false)) return 'Invalid prefsrc address';
    const next = gateway === '' ? undefined : parseIp(gateway)!;
    const nets = [
      ...link.addresses.keys(),
      ...this.routes.filter(other => other.link === route.link && other.gateway === '').map(other => other.destination),
    ];
    if (next && !nets.some(net => cidrContains(parseCidr(net)!, next))) return 'Nexthop has invalid gateway';
    this.routes.push({ table, destination, gateway, link: route.link, source, metric });
    return undefined;
  }

  #isLocal(address: string, orTentative = true): boolean {
    return [...this.links.values()].some(({ addresses }) =>
      [...addresses].some(([text, isTentative]) => text.startsWith(`${address}/`) && (orTentative || !isTentative)),
    );
  }
}
