import type { ResourceType } from '../../runtime/resource.ts';
import { toYaml, type YamlValue } from '../yaml.ts';
import type { Layered } from './layer.ts';

/** A peer of a WireGuard link (spec/network.md §4.3). */
export interface WireguardPeerSpec {
  readonly publicKey: string;
  /** `host:port`, empty where the peer calls us. */
  readonly endpoint: string;
  /** Seconds, 0 for off. */
  readonly keepalive: number;
  readonly allowedIPs: readonly string[];
}

/** What makes a WireGuard link. The private key is in no output. */
export interface WireguardSpec {
  readonly privateKey: string;
  /** 0 lets the kernel choose. */
  readonly listenPort: number;
  /** 0 for none. */
  readonly firewallMark: number;
  readonly peers: readonly WireguardPeerSpec[];
}

/** What a link is created as where it does not exist; `physical` links are never created. */
export type LinkKind = 'physical' | 'bond' | 'vlan' | 'dummy' | 'wireguard';

/** A link as it is wanted (spec/network.md §2, §4). */
export interface LinkSpec extends Layered {
  readonly name: string;
  readonly kind: LinkKind;
  readonly up: boolean;
  /** 0 leaves the MTU alone. */
  readonly mtu: number;
  /** Whether addresses and routes may come from router advertisements on it. */
  readonly heedsRouters?: boolean;
  /** Of a bond: its members in order, and its options by their iproute2 word. */
  readonly bond?: { readonly members: readonly string[]; readonly options: Readonly<Record<string, string>> };
  readonly vlan?: { readonly parent: string; readonly id: number };
  readonly wireguard?: WireguardSpec;
}

/** Wanted links: by layer in `network-config`, merged by name in `network`. */
export const LinkSpecs: ResourceType<LinkSpec> = {
  type: 'LinkSpecs.net.talos.dev',
  display: 'network.LinkSpec',
  defaultNamespace: 'network',
  printColumns: [
    { name: 'Layer', jsonPath: '{.layer}' },
    { name: 'Kind', jsonPath: '{.kind}' },
    { name: 'Up', jsonPath: '{.up}' },
    { name: 'MTU', jsonPath: '{.mtu}' },
  ],
  toYaml: ({ name, kind, up, mtu, heedsRouters, bond, vlan, wireguard, layer, path }) =>
    toYaml(
      new Map<string, YamlValue>([
        ['name', name],
        ['kind', kind],
        ['up', up],
        ['mtu', mtu],
        ...(heedsRouters ? [['heedsRouters', heedsRouters] as const] : []),
        ...(bond ? [['bond', { members: bond.members, options: bond.options }] as const] : []),
        ...(vlan ? [['vlan', { parent: vlan.parent, id: vlan.id }] as const] : []),
        ...(wireguard ? [['wireguard', publicPart(wireguard)] as const] : []),
        ['layer', layer],
        ['path', path],
      ]),
    ),
};

function publicPart({ listenPort, firewallMark, peers }: WireguardSpec): YamlValue {
  return { privateKey: '(hidden)', listenPort, firewallMark, peers: peers.map(peer => ({ ...peer })) };
}
