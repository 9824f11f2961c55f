import type { MethodDefinition } from '@grpc/grpc-js';
import { ClusterServiceService } from '../gen/cluster/cluster.ts';
import { InspectServiceService } from '../gen/inspect/inspect.ts';
import { MachineServiceService } from '../gen/machine/machine.ts';
import { NetworkServiceService } from '../gen/network/network.ts';
import { ResourceServiceService } from '../gen/resource/resource.ts';
import { NodeServiceService } from '../gen/talosd/v1/talosd.ts';
import { TimeServiceService } from '../gen/time/time.ts';
import { type StatusError, statusError } from './status.ts';

/** The services of port 50000 on a configured node, by the name that `Handlers` uses. */
export const SERVICES = {
  machine: MachineServiceService,
  cluster: ClusterServiceService,
  resource: ResourceServiceService,
  inspect: InspectServiceService,
  network: NetworkServiceService,
  time: TimeServiceService,
  node: NodeServiceService,
} as const;

/** What apid knows of one method without knowing its messages. */
export interface Method {
  /** `/machine.MachineService/Version`. */
  readonly path: string;
  /** `machine.MachineService`. */
  readonly service: string;
  /** `Version`. */
  readonly name: string;
  /** Whether the reply is a stream. */
  readonly isStream: boolean;
  /** Whether a call writes a line of the audit log. */
  readonly isChange: boolean;
}

/** Routed, but without a method any more (spec/api.md §1.1). */
const RETIRED_SERVICE = 'os.OSService';

const STREAMED = new Set([
  ...['Copy', 'DiskUsage', 'Dmesg', 'Events', 'Kubeconfig', 'List', 'Logs', 'Read'].map(
    name => `/machine.MachineService/${name}`,
  ),
  '/resource.ResourceService/List',
  '/resource.ResourceService/Watch',
  `/${RETIRED_SERVICE}/Dmesg`,
  '/cluster.ClusterService/HealthCheck',
]);

/** Whether a call to several nodes is relayed as a stream: decided by name alone (spec/api.md §1.5, "Streaming"). */
export function isStreamedPath(path: string): boolean {
  return STREAMED.has(path) || path.endsWith('Stream');
}

const CHANGES = new Set([
  ...[
    'ApplyConfiguration',
    'Bootstrap',
    'EtcdForfeitLeadership',
    'EtcdLeaveCluster',
    'EtcdRemoveMember',
    'Reboot',
    'Recover',
    'RemoveBootkubeInitializedKey',
    'Reset',
    'Restart',
    'Rollback',
    'ServiceRestart',
    'ServiceStart',
    'ServiceStop',
    'Shutdown',
    'Upgrade',
  ].map(name => `/machine.MachineService/${name}`),
  '/talosd.v1.NodeService/TryConfiguration',
  '/talosd.v1.NodeService/ConfirmConfiguration',
]);

/** Splits `/service/Method`; undefined for anything else. */
export function splitPath(path: string): { service: string; name: string } | undefined {
  const slash = path.lastIndexOf('/');
  if (!path.startsWith('/') || slash <= 0) return undefined;
  return { service: path.slice(1, slash), name: path.slice(slash + 1) };
}

/** The facts of a method from its generated definition. */
export function methodOf(definition: Pick<MethodDefinition<unknown, unknown>, 'path' | 'responseStream'>): Method {
  const { path } = definition;
  const { service, name } = splitPath(path)!;
  return { path, service, name, isStream: definition.responseStream, isChange: CHANGES.has(path) };
}

/** Every method of a configured node, by path. `securityapi`, `storage` and `health` are not among them (spec/api.md §1.1). */
export const METHODS: ReadonlyMap<string, Method> = new Map(
  Object.values(SERVICES).flatMap(service =>
    Object.values(service).map(definition => [definition.path, methodOf(definition)] as const),
  ),
);

const SERVED = new Set([...METHODS.values()].map(method => method.service));

/** What a path outside the table is answered with (spec/api.md §1.1). */
export function refusalOf(path: string): StatusError {
  const parts = splitPath(path);
  if (!parts) return statusError('unimplemented', `malformed method name: ${JSON.stringify(path)}`);
  const { service, name } = parts;
  if (service === RETIRED_SERVICE) return statusError('unimplemented', `unknown service ${service}`);
  if (SERVED.has(service)) return statusError('unimplemented', `unknown method ${name} for service ${service}`);
  return statusError('unknown', `service ${service} is not defined`);
}
