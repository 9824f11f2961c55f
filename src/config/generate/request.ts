import { TalosdError } from '../../lib/errors.ts';
import { encodeConfig } from '../encode.ts';
import { endpointHost } from '../endpoint.ts';
import type { NetworkInterface } from '../schema/network.ts';
import { renderTalosconfig } from '../talosconfig.ts';
import { type ConfigRole, type GenerateInput, generateConfig } from './configs.ts';
import type { SecretsBundle } from './secrets.ts';
import { generateTalosconfig } from './talosconfig.ts';

/** The request of the GenerateConfiguration call (spec/api.md §2.2), as far as it is read; the generated message fits. */
export interface GenerateRequest {
  configVersion: string;
  clusterConfig?: {
    name: string;
    controlPlane?: { endpoint: string };
    clusterNetwork?: { dnsDomain: string; cniConfig?: { name: string; urls: string[] } };
    allowSchedulingOnMasters: boolean;
  };
  machineConfig?: {
    /** 1 init, 2 controlplane, 3 join. */
    type: number;
    installConfig?: { installDisk: string; installImage: string };
    networkConfig?: { hostname: string; interfaces: readonly RequestInterface[] };
    kubernetesVersion: string;
  };
  overrideTime?: { seconds: bigint; nanos: number };
}

interface RequestInterface {
  interface: string;
  cidr: string;
  mtu: number;
  dhcp: boolean;
  ignore: boolean;
  dhcpOptions?: { routeMetric: number };
  routes: readonly { network: string; gateway: string; metric: number }[];
}

/** What surrounds the call on the node. */
export interface GenerateContext {
  /** Milliseconds since the Unix epoch; the request's own time wins. */
  now: number;
  /** In maintenance mode configs for joining nodes are refused (spec/api.md §5). */
  isMaintenance: boolean;
  /** The secrets of the stored config, or new ones; called once the request is known to be sound. */
  secrets(now: number): Promise<SecretsBundle>;
}

const ROLES: Readonly<Record<number, ConfigRole>> = { 1: 'init', 2: 'controlplane', 3: 'worker' };

/** The answer to GenerateConfiguration: one config and the talosconfig of its cluster (spec/api.md §2.9). */
export async function generateFromRequest(
  request: GenerateRequest,
  context: GenerateContext,
): Promise<{ config: string; talosconfig: string }> {
  const { clusterConfig: cluster, machineConfig: machine } = request;
  if (!machine || !cluster?.controlPlane) throw bad('invalid generate request');
  if (request.configVersion !== 'v1alpha1') throw bad(`unsupported config version ${request.configVersion}`);
  const role = ROLES[machine.type];
  if (role === undefined) throw bad('failed to determine config type to generate');
  if (role === 'worker' && context.isMaintenance) throw bad('join config cannot be generated in the maintenance mode');
  const { endpoint } = cluster.controlPlane;
  const host = endpointHost(endpoint);
  const now = request.overrideTime ? milliseconds(request.overrideTime) : context.now;
  const secrets = await context.secrets(now);
  const network = cluster.clusterNetwork;
  const { cniConfig } = network ?? {};
  const input: GenerateInput = {
    clusterName: cluster.name,
    endpoint,
    secrets,
    dnsDomain: network?.dnsDomain,
    cni: cniConfig && { name: cniConfig.name, ...(cniConfig.urls.length > 0 ? { urls: [...cniConfig.urls] } : {}) },
    allowSchedulingOnMasters: network !== undefined && cluster.allowSchedulingOnMasters,
    kubernetesVersion: machine.kubernetesVersion,
    installDisk: machine.installConfig?.installDisk,
    installImage: machine.installConfig?.installImage,
    hostname: machine.networkConfig?.hostname,
    interfaces: machine.networkConfig?.interfaces.map(networkInterface),
  };
  return {
    config: encodeConfig(generateConfig(role, input)),
    talosconfig: renderTalosconfig(await generateTalosconfig(cluster.name, [host], secrets, now)),
  };
}

function networkInterface(from: RequestInterface): NetworkInterface {
  const { dhcpOptions } = from;
  const routes = from.routes.map(({ network, gateway, metric }) => ({ network, gateway, metric }));
  return {
    interface: from.interface,
    cidr: from.cidr,
    mtu: from.mtu,
    dhcp: from.dhcp,
    ignore: from.ignore,
    ...(routes.length > 0 ? { routes } : {}),
    ...(dhcpOptions ? { dhcpOptions: { routeMetric: dhcpOptions.routeMetric } } : {}),
  };
}

function milliseconds({ seconds, nanos }: { seconds: bigint; nanos: number }): number {
  return Number(seconds) * 1000 + Math.floor(nanos / 1_000_000);
}

const bad = (message: string) => new TalosdError('unknown', message);
