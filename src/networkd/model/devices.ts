import type { NetworkConfig, NetworkInterface, Route, Vlan } from '../../config/schema/network.ts';
import type { Layer } from '../../resources/network/layer.ts';
import type { WireguardSpec } from '../../resources/network/link_spec.ts';
import { isLinkName } from '../../system/ip-operations.ts';
import type { LinkSnapshot } from '../../system/network-snapshot.ts';
import { bondOptions } from './bond-options.ts';
import { type IpArgument, ignoredLinks, type KernelArguments, readIpArgument } from './kernel-arguments.ts';
import { wireguardSpec } from './wireguard.ts';

/** One entry's way to address a link (spec/network.md §2.1, §3.1). */
export interface Method {
  readonly kind: 'static' | 'none' | 'dhcp';
  /** Text of a `static` one, as in the config. */
  readonly cidr: string;
  readonly routes: readonly Route[];
  readonly dhcp4: boolean;
  readonly dhcp6: boolean;
  readonly routeMetric: number;
  readonly layer: Layer;
  readonly path: string;
}

/** Everything that is wanted of one link: all entries of its name together. */
export interface Device {
  readonly name: string;
  isIgnored: boolean;
  methods: Method[];
  mtu: number;
  isDummy: boolean;
  vip: string;
  readonly vlans: { readonly vlan: Vlan; readonly path: string }[];
  bond: { readonly members: readonly string[]; readonly options: Readonly<Record<string, string>> } | undefined;
  wireguard: WireguardSpec | undefined;
  readonly layer: Layer;
  readonly path: string;
}

/** Something in the config that cannot be. */
export interface ModelProblem {
  readonly message: string;
  readonly path: string;
}

/** What the devices are made from. */
export interface DeviceSources {
  readonly network: NetworkConfig | undefined;
  readonly cmdline: KernelArguments;
  /** The links that the kernel has. */
  readonly links: readonly LinkSnapshot[];
}

/** The devices by name, and the problems of the config. */
export interface Devices {
  readonly devices: readonly Device[];
  readonly problems: readonly ModelProblem[];
  readonly ipArgument: IpArgument | undefined;
}

const INTERFACES = 'machine.network.interfaces';
/** Names of NICs; `eni…` are the host's ends of pods. */
const DISCOVERED = /^(eth|en(?!i))/;

/** Brings all entries together by link, in order: kernel command line, config, discovered links (spec/network.md §2). */
export function buildDevices({ network, cmdline, links }: DeviceSources): Devices {
  const devices = new Map<string, Device>();
  const problems: ModelProblem[] = [];
  const ipArgument = readIpArgument(cmdline, links);
  if (ipArgument) addIpArgument(device(devices, ipArgument.link, 'cmdline', 'ip='), ipArgument);
  (network?.interfaces ?? []).forEach((entry, index) => {
    const path = `${INTERFACES}[${index}]`;
    const name = linkName(entry.interface ?? '');
    if (name === '') problems.push({ message: 'interface must have a name', path });
    else if (!isLinkName(name)) {
      problems.push({ message: `${JSON.stringify(name)} can't be the name of a link`, path: `${path}.interface` });
    } else addEntry(device(devices, name, 'config', path), entry, path, problems);
  });
  for (const { name } of links) {
    if (!devices.has(name) && DISCOVERED.test(name)) addDhcp(device(devices, name, 'default', ''));
  }
  const ignored = ignoredLinks(cmdline);
  for (const name of ignored) device(devices, name, 'cmdline', '');
  const members = new Set([...devices.values()].flatMap(({ bond }) => bond?.members ?? []));
  for (const each of devices.values()) {
    if (ignored.has(each.name) || members.has(each.name)) each.isIgnored = true;
  }
  const inOrder = [...devices.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  return { devices: inOrder, problems, ipArgument };
}

/** The guide writes `lo0` for the loopback link (spec/network.md §3.2). */
function linkName(name: string): string {
  return name === 'lo0' ? 'lo' : name;
}

function device(devices: Map<string, Device>, name: string, layer: Layer, path: string): Device {
  const known = devices.get(name);
  if (known) return known;
  const made: Device = {
    name,
    isIgnored: false,
    methods: [],
    mtu: 0,
    isDummy: false,
    vip: '',
    vlans: [],
    bond: undefined,
    wireguard: undefined,
    layer,
    path,
  };
  devices.set(name, made);
  return made;
}

function addIpArgument(target: Device, { address, gateway }: IpArgument): void {
  const routes = gateway === '' ? [] : [{ network: '0.0.0.0/0', gateway }];
  target.methods.push(method('static', { cidr: address, routes, layer: 'cmdline', path: 'ip=' }));
}

function addDhcp(target: Device): void {
  target.methods.push(method('dhcp', { dhcp4: true, layer: 'default' }));
}

function addEntry(target: Device, entry: NetworkInterface, path: string, problems: ModelProblem[]): void {
  if (entry.vip?.ip) target.vip = entry.vip.ip;
  if (entry.ignore) {
    target.isIgnored = true;
    return;
  }
  addMethod(target, entry, path);
  if (entry.mtu) target.mtu = entry.mtu;
  if (entry.dummy) target.isDummy = true;
  addVlans(target, entry.vlans ?? [], path, problems);
  if (entry.bond) addBond(target, entry.bond, `${path}.bond`, problems);
  if (entry.wireguard) {
    const { spec, problems: found } = wireguardSpec(entry.wireguard);
    problems.push(...found.map(({ key, message }) => ({ message, path: `${path}.wireguard.${key}` })));
    if (spec) target.wireguard = spec;
  }
}

/** spec/network.md §3.1, last paragraph, and the second row of §2.1. */
function addMethod(target: Device, entry: NetworkInterface, path: string): void {
  const { cidr = '', dhcp = false, dhcpOptions = {}, routes = [], vlans = [] } = entry;
  const { ipv4 = true, ipv6 = false, routeMetric = 0 } = dhcpOptions;
  const common = { routes, layer: 'config' as const, path };
  if (cidr !== '') target.methods.push(method('static', { ...common, cidr }));
  else if (dhcp && (ipv4 || ipv6)) {
    target.methods.push(method('dhcp', { ...common, dhcp4: ipv4, dhcp6: ipv6, routeMetric: routeMetric || 1024 }));
  } else if (!dhcp && vlans.length > 0) target.methods = [];
  else target.methods.push(method('none', common));
}

function method(kind: Method['kind'], change: Partial<Method>): Method {
  const plain = {
    cidr: '',
    routes: [],
    dhcp4: false,
    dhcp6: false,
    routeMetric: 1024,
    layer: 'config',
    path: '',
  } as const;
  return { kind, ...plain, ...change };
}

function addVlans(target: Device, vlans: readonly Vlan[], path: string, problems: ModelProblem[]): void {
  vlans.forEach((vlan, index) => {
    const place = `${path}.vlans[${index}]`;
    const id = vlan.vlanId ?? 0;
    const name = `${target.name}.${id}`;
    if (target.vlans.some(other => (other.vlan.vlanId ?? 0) === id)) {
      problems.push({ message: `duplicate VLAN id ${id}`, path: `${place}.vlanId` });
    } else if (!isLinkName(name)) {
      problems.push({ message: `${JSON.stringify(name)} is too long for the name of a link`, path: place });
    } else target.vlans.push({ vlan, path: place });
  });
}

function addBond(
  target: Device,
  bond: NonNullable<NetworkInterface['bond']>,
  path: string,
  problems: ModelProblem[],
): void {
  const { options, problems: found } = bondOptions(bond);
  problems.push(...found.map(({ key, message }) => ({ message, path: `${path}.${key}` })));
  const named = (bond.interfaces ?? []).filter(name => isLinkName(name));
  const members = [...new Set([...(target.bond?.members ?? []), ...named])];
  if (members.length === 0) {
    const message = `invalid bond configuration for ${target.name}: must supply sub interfaces for bonded interface`;
    problems.push({ message, path });
  }
  target.bond = { members, options: { ...target.bond?.options, ...options } };
}
