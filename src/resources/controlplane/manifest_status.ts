import type { ResourceType } from '../../runtime/resource.ts';
import { toYaml } from '../yaml.ts';

/** Ids of the manifests that were applied, in that order (spec/resources.md §6.11). */
export interface ManifestStatusSpec {
  readonly manifestsApplied: readonly string[];
}

/** One resource, `manifests`. */
export const ManifestStatuses: ResourceType<ManifestStatusSpec> = {
  type: 'ManifestStatuses.kubernetes.talos.dev',
  display: 'k8s.ManifestStatus',
  defaultNamespace: 'controlplane',
  contract: true,
  toYaml: ({ manifestsApplied }) => toYaml({ manifestsApplied }),
};

/** The only id. */
export const MANIFEST_STATUS_ID = 'manifests';
