import type { ResourceType } from '../../runtime/resource.ts';
import { toYaml } from '../yaml.ts';

/** Which secrets of the control plane are rendered to files (spec/resources.md §6.7). */
export interface SecretStatusSpec {
  readonly ready: boolean;
  /** Version of the `k8s-certs` that was rendered, as text. */
  readonly version: string;
}

/** One resource, `static-pods`. */
export const SecretStatuses: ResourceType<SecretStatusSpec> = {
  type: 'SecretStatuses.kubernetes.talos.dev',
  display: 'k8s.SecretStatus',
  defaultNamespace: 'controlplane',
  printColumns: [
    { name: 'Ready', jsonPath: '{.ready}' },
    { name: 'Secrets Version', jsonPath: '{.version}' },
  ],
  contract: true,
  toYaml: ({ ready, version }) => toYaml({ ready, version }),
};

/** The only id. */
export const SECRET_STATUS_ID = 'static-pods';
