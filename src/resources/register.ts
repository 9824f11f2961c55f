import { definitionId, Registry } from '../runtime/registry.ts';
import { newResource, type ResourceType } from '../runtime/resource.ts';
import type { Store } from '../runtime/store.ts';
import { KubernetesControlPlaneConfigs } from './config/kubernetes_control_plane_config.ts';
import { MachineConfigs } from './config/machine_config.ts';
import { MachineTypes } from './config/machine_type.ts';
import { Manifests } from './controlplane/manifest.ts';
import { ManifestStatuses } from './controlplane/manifest_status.ts';
import { SecretStatuses } from './controlplane/secret_status.ts';
import { StaticPods } from './controlplane/static_pod.ts';
import { StaticPodStatuses } from './controlplane/static_pod_status.ts';
import { Namespaces } from './meta/namespace.ts';
import { ResourceDefinitions } from './meta/resource_definition.ts';
import { NAMESPACES } from './namespaces.ts';
import { NETWORK_TYPES } from './network/types.ts';
import { BootstrapStatuses } from './runtime/bootstrap_status.ts';
import { Services } from './runtime/service.ts';
import { TimeStatuses } from './runtime/time_status.ts';
import { EtcdSecrets } from './secrets/etcd_secret.ts';
import { KubernetesSecrets } from './secrets/kubernetes_secret.ts';
import { RootSecrets } from './secrets/root_secret.ts';

/** The sixteen types of the contract first, then ours (spec/resources.md §5). */
const TYPES: readonly ResourceType<never>[] = [
  Namespaces,
  ResourceDefinitions,
  BootstrapStatuses,
  Services,
  TimeStatuses,
  MachineConfigs,
  MachineTypes,
  KubernetesControlPlaneConfigs,
  Manifests,
  ManifestStatuses,
  StaticPods,
  StaticPodStatuses,
  SecretStatuses,
  EtcdSecrets,
  KubernetesSecrets,
  RootSecrets,
  ...NETWORK_TYPES,
];

/** Makes every namespace and type known: as resources in `store`, and in the registry that it returns. */
export function registerAll(store: Store): Registry {
  const registry = new Registry();
  for (const [name, description] of Object.entries(NAMESPACES)) addNamespace(store, name, description);
  for (const type of TYPES) addType(store, registry, type);
  return registry;
}

/** Makes one namespace known. */
export function addNamespace(store: Store, name: string, description: string): void {
  store.create(newResource(Namespaces, name, { description }));
}

/** Makes one type known. */
export function addType(store: Store, registry: Registry, type: ResourceType<never>): void {
  store.create(newResource(ResourceDefinitions, definitionId(type.type), registry.register(type)));
}
