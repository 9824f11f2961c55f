import type { ResourceType } from '../../runtime/resource.ts';
import { type JsonObject, sortKeys, toYaml } from '../yaml.ts';

/** A v1 Pod in its JSON form. */
export type StaticPodSpec = JsonObject;

/** The pods of the control plane on this node: ids `kube-apiserver`, `kube-controller-manager`, `kube-scheduler` (spec/resources.md §6.8). */
export const StaticPods: ResourceType<StaticPodSpec> = {
  type: 'StaticPods.kubernetes.talos.dev',
  display: 'k8s.StaticPod',
  defaultNamespace: 'controlplane',
  contract: true,
  toYaml: spec => toYaml(sortKeys(spec)),
};
