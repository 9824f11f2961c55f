import type { ResourceType } from '../../runtime/resource.ts';
import { toYaml } from '../yaml.ts';
import { type PemPair, pairForm } from './pem.ts';

/** Certificates of the control plane of this node, and the admin's kubeconfig (spec/resources.md §6.6). */
export interface KubernetesSecretSpec {
  readonly apiServer: PemPair | null;
  readonly apiServerKubeletClient: PemPair | null;
  readonly frontProxy: PemPair | null;
  readonly adminKubeconfig: string;
}

/** One resource, `k8s-certs`. */
export const KubernetesSecrets: ResourceType<KubernetesSecretSpec> = {
  type: 'KubernetesSecrets.secrets.talos.dev',
  display: 'secrets.KuberneteSecrets',
  defaultNamespace: 'secrets',
  contract: true,
  toYaml: ({ apiServer, apiServerKubeletClient, frontProxy, adminKubeconfig }) =>
    toYaml({
      apiServer: pairForm(apiServer),
      apiServerKubeletClient: pairForm(apiServerKubeletClient),
      frontProxy: pairForm(frontProxy),
      adminKubeconfig,
    }),
};

/** The only id. */
export const KUBERNETES_SECRET_ID = 'k8s-certs';
