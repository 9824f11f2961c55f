import type { ResourceType } from '../../runtime/resource.ts';
import { type JsonObject, sortKeys, toYaml } from '../yaml.ts';

/** Kubernetes objects that are applied together. */
export type ManifestSpec = readonly JsonObject[];

/** Manifests of the cluster: built in (namespace `controlplane`) and downloaded (`extras`) (spec/resources.md §6.10). */
export const Manifests: ResourceType<ManifestSpec> = {
  type: 'Manifests.kubernetes.talos.dev',
  display: 'k8s.Manifest',
  defaultNamespace: 'controlplane',
  contract: true,
  toYaml: spec => toYaml(sortKeys(spec)),
};
