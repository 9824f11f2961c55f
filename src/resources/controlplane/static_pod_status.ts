import type { ResourceType } from '../../runtime/resource.ts';
import { type JsonObject, sortKeys, toYaml } from '../yaml.ts';

/** A Kubernetes PodStatus in its JSON form. */
export type StaticPodStatusSpec = JsonObject;

/**
 * What the kubelet says of the static pods, by `<namespace>/<pod name>` (spec/resources.md §6.9). `conditions` is always
 * shown: the client gives up on a row without the key of a print column (§15 row 7).
 */
export const StaticPodStatuses: ResourceType<StaticPodStatusSpec> = {
  type: 'StaticPodStatuses.kubernetes.talos.dev',
  display: 'k8s.StaticPodStatus',
  defaultNamespace: 'controlplane',
  aliases: ['podstatus'],
  printColumns: [{ name: 'Ready', jsonPath: '{.conditions[?(@.type=="Ready")].status}' }],
  contract: true,
  toYaml: spec => toYaml(sortKeys({ ...spec, conditions: spec.conditions ?? [] })),
};
