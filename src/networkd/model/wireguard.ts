import type { Wireguard, WireguardPeer } from '../../config/schema/network.ts';
import { formatCidr, networkAddress, parseCidr } from '../../lib/ip.ts';
import type { WireguardPeerSpec, WireguardSpec } from '../../resources/network/link_spec.ts';

interface Problem {
  readonly key: string;
  readonly message: string;
}

const SECOND = 1_000_000_000n;

/** What a WireGuard link needs, checked; no spec where its key does not read (spec/network.md §4.3). */
export function wireguardSpec(config: Wireguard): {
  readonly spec: WireguardSpec | undefined;
  readonly problems: readonly Problem[];
} {
  const { privateKey = '', listenPort = 0, firewallMark = 0, peers = [] } = config;
  if (!isKey(privateKey)) {
    const message = 'the private key is no base64 text of 32 bytes';
    return { spec: undefined, problems: [{ key: 'privateKey', message }] };
  }
  const problems: Problem[] = [];
  const known = peers.flatMap((peer, index) => {
    const read = peerSpec(peer);
    if (typeof read !== 'string') return [read];
    problems.push({ key: `peers[${index}]`, message: read });
    return [];
  });
  // Of two peers with one key the last one counts, as for `wg` itself.
  const byKey = new Map(known.map(peer => [peer.publicKey, peer]));
  return { spec: { privateKey, listenPort, firewallMark, peers: [...byKey.values()] }, problems };
}

/** The peer, or what is wrong with it. */
function peerSpec(peer: WireguardPeer): WireguardPeerSpec | string {
  const { publicKey = '', endpoint = '', persistentKeepaliveInterval = 0n, allowedIPs = [] } = peer;
  if (!isKey(publicKey)) return `the public key ${JSON.stringify(publicKey)} is no base64 text of 32 bytes`;
  if (endpoint !== '' && !/^(\[[^\]\s]+\]|[^\s:]+):\d{1,5}$/.test(endpoint)) {
    return `invalid endpoint ${JSON.stringify(endpoint)}: expected host:port`;
  }
  const networks: string[] = [];
  for (const text of allowedIPs) {
    const cidr = parseCidr(text);
    if (!cidr) return `invalid CIDR address: ${text}`;
    networks.push(formatCidr({ address: networkAddress(cidr), prefix: cidr.prefix }));
  }
  return { publicKey, endpoint, keepalive: Number(persistentKeepaliveInterval / SECOND), allowedIPs: networks };
}

function isKey(text: string): boolean {
  return /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/.test(text);
}
