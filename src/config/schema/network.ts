import {
  bool,
  duration,
  field,
  int,
  list,
  object,
  string,
  type TypeOf,
  triStateBool,
  uint8,
  uint16,
  uint32,
} from './types.ts';

/** `machine.network.interfaces[].routes[]` (machine-config.md §4.4). */
export const route = object({
  network: field(string, 'The destination in CIDR form.', { always: true }),
  gateway: field(string, 'The address of the next hop.', { always: true }),
  metric: field(uint32, 'The priority of the route; lower wins.'),
});
export type Route = TypeOf<typeof route>;

const routes = list(route, { nullEntries: 'skip' });

/** `machine.network.interfaces[].bond`, in written order: `peerNotifyDelay` comes last (machine-config.md §4.4). */
export const bond = object({
  interfaces: field(list(string), 'The links that make up the bond.', { always: true }),
  arpIPTarget: field(list(string), 'Addresses that ARP monitoring asks for.'),
  mode: field(string, 'How traffic is spread over the links, for example `802.3ad`.', { always: true }),
  xmitHashPolicy: field(string, 'Which header fields choose the link of a packet.'),
  lacpRate: field(string, 'How often LACP packets are asked for: `slow` or `fast`.'),
  adActorSystem: field(string, 'The MAC address used as LACP system identifier.'),
  arpValidate: field(string, 'Which links have their ARP probes checked.'),
  arpAllTargets: field(string, 'Whether `any` or `all` ARP targets must answer.'),
  primary: field(string, 'The link that carries traffic whenever it is up.'),
  primaryReselect: field(string, 'When the primary link takes over again.'),
  failOverMac: field(string, 'Which MAC addresses change when the active link changes.'),
  adSelect: field(string, 'How the active aggregator is chosen.'),
  miimon: field(uint32, 'Milliseconds between checks of the carrier.'),
  updelay: field(uint32, 'Milliseconds before a link that came up is used.'),
  downdelay: field(uint32, 'Milliseconds before a link that went down is left.'),
  arpInterval: field(uint32, 'Milliseconds between ARP probes.'),
  resendIgmp: field(uint32, 'IGMP reports sent after a change of link.'),
  minLinks: field(uint32, 'Links that must be up for the bond to have carrier.'),
  lpInterval: field(uint32, 'Seconds between learning packets.'),
  packetsPerSlave: field(uint32, 'Packets sent over one link before the next is used.'),
  numPeerNotif: field(uint8, 'Announcements sent to peers after a change of link.'),
  tlbDynamicLb: field(uint8, 'Whether balance-tlb moves flows by load.'),
  allSlavesActive: field(uint8, 'Whether duplicates received on inactive links are kept.'),
  useCarrier: field(bool, 'Whether the driver is asked for the carrier state.'),
  adActorSysPrio: field(uint16, 'The LACP system priority.'),
  adUserPortKey: field(uint16, 'The upper bits of the LACP port key.'),
  peerNotifyDelay: field(uint32, 'Milliseconds between announcements to peers.'),
});
export type Bond = TypeOf<typeof bond>;

/** `machine.network.interfaces[].vlans[]` (machine-config.md §4.4). */
export const vlan = object({
  cidr: field(string, 'The address of the VLAN link in CIDR form.', { always: true }),
  routes: field(routes, 'Routes through the VLAN link.', { always: true }),
  dhcp: field(bool, 'Whether the VLAN link is configured with DHCP.', { always: true }),
  vlanId: field(uint16, 'The VLAN tag.', { always: true }),
});
export type Vlan = TypeOf<typeof vlan>;

/** `machine.network.interfaces[].dhcpOptions` (machine-config.md §4.4). */
export const dhcpOptions = object({
  routeMetric: field(uint32, 'The priority of all routes received with DHCP.', { always: true }),
  ipv4: field(triStateBool, 'Whether DHCPv4 is used.', { defaultText: 'true' }),
  ipv6: field(triStateBool, 'Whether DHCPv6 is used.', { defaultText: 'false' }),
});
export type DhcpOptions = TypeOf<typeof dhcpOptions>;

/** `machine.network.interfaces[].wireguard.peers[]` (machine-config.md §4.4). */
export const wireguardPeer = object({
  publicKey: field(string, 'The public key of the peer in base64.', { example: 'ABCDEF...' }),
  endpoint: field(string, 'Where the peer is reached: `host:port`.', { example: '192.168.1.2:51820' }),
  persistentKeepaliveInterval: field(duration, 'How often a packet keeps the path open.', { example: '10s' }),
  allowedIPs: field(list(string), 'Networks that are routed to and accepted from the peer.', {
    example: '[192.168.1.0/24]',
  }),
});
export type WireguardPeer = TypeOf<typeof wireguardPeer>;

/** `machine.network.interfaces[].wireguard` (machine-config.md §4.4; one peer may stand without a list, §15). */
export const wireguard = object({
  privateKey: field(string, 'The private key of this node in base64.', { secret: true }),
  listenPort: field(int, 'The UDP port on which peers reach this node.'),
  firewallMark: field(int, 'The mark put on outgoing packets.'),
  peers: field(list(wireguardPeer, { single: true }), 'The peers of this node.'),
});
export type Wireguard = TypeOf<typeof wireguard>;

/** `machine.network.interfaces[].vip` (machine-config.md §4.4). */
export const vip = object({
  ip: field(string, 'The address that the control plane nodes share.'),
});

/** `machine.network.interfaces[]` (machine-config.md §4.4). */
export const networkInterface = object({
  interface: field(string, 'The name of the link.', { example: 'eth0' }),
  cidr: field(string, 'A fixed address in CIDR form; excludes `dhcp`.', { example: '10.5.0.2/24' }),
  routes: field(routes, 'Routes through the link.', {
    example: '- network: 0.0.0.0/0\n  gateway: 10.5.0.1\n  metric: 1024',
  }),
  bond: field(bond, 'Makes the link a bond of other links.', { example: 'mode: 802.3ad\ninterfaces: [eth0, eth1]' }),
  vlans: field(list(vlan), 'VLAN links on top of the link.'),
  mtu: field(int, 'The MTU of the link; 0 leaves it alone.', { always: true }),
  dhcp: field(bool, 'Whether the link is configured with DHCP.', { example: 'true' }),
  ignore: field(bool, 'Whether the link is left alone altogether.', { example: 'true' }),
  dummy: field(bool, 'Whether the link is created as a dummy.', { example: 'true' }),
  dhcpOptions: field(dhcpOptions, 'How DHCP is done; needs `dhcp: true`.', { example: 'routeMetric: 1024' }),
  wireguard: field(wireguard, 'Makes the link a WireGuard tunnel.', {
    example:
      'privateKey: ABCDEF...\nlistenPort: 51820\npeers:\n  - publicKey: ABCDEF...\n    endpoint: 192.168.1.3:51820',
  }),
  vip: field(vip, 'An address shared among the control plane nodes.', { example: 'ip: 172.16.199.55' }),
});
export type NetworkInterface = TypeOf<typeof networkInterface>;

/** `machine.network.extraHostEntries[]` (machine-config.md §4.4). */
export const extraHost = object({
  ip: field(string, 'The address of the host.', { always: true }),
  aliases: field(list(string), 'The names of the host.', { always: true }),
});
export type ExtraHost = TypeOf<typeof extraHost>;

/** `machine.network` (machine-config.md §4.4). */
export const network = object({
  hostname: field(string, 'The name of this node.'),
  interfaces: field(list(networkInterface), 'The links of this node.', {
    example: '- interface: eth0\n  cidr: 192.168.2.0/24\n  mtu: 1500',
  }),
  nameservers: field(list(string), 'DNS servers, in order.', {
    example: '[8.8.8.8, 1.1.1.1]',
    defaultText: '1.1.1.1, 8.8.8.8',
  }),
  extraHostEntries: field(list(extraHost), 'Entries added to the hosts file.', {
    example: '- ip: 192.168.1.100\n  aliases: [example, example.domain.tld]',
  }),
});
export type NetworkConfig = TypeOf<typeof network>;
