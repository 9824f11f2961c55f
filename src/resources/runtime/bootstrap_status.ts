import type { ResourceType } from '../../runtime/resource.ts';
import { toYaml } from '../yaml.ts';

/** Whether the control plane runs as pods of its own cluster, as releases before 0.9 set it up (spec/resources.md §6.14). */
export interface BootstrapStatusSpec {
  readonly selfHostedControlPlane: boolean;
}

/** One resource, `control-plane`, on control plane nodes. */
export const BootstrapStatuses: ResourceType<BootstrapStatusSpec> = {
  type: 'BootstrapStatuses.v1alpha1.talos.dev',
  display: 'v1alpha1.BootstrapStatus',
  defaultNamespace: 'runtime',
  aliases: ['bootstrapStatus'],
  printColumns: [{ name: 'Self Hosted', jsonPath: '{.selfHostedControlPlane}' }],
  contract: true,
  toYaml: ({ selfHostedControlPlane }) => toYaml({ selfHostedControlPlane }),
};

/** The only id. */
export const BOOTSTRAP_STATUS_ID = 'control-plane';
