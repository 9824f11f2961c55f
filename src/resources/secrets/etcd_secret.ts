import type { ResourceType } from '../../runtime/resource.ts';
import { toYaml } from '../yaml.ts';
import { type PemPair, pairForm } from './pem.ts';

/** Certificate with which the API server speaks to etcd (spec/resources.md §6.5). */
export interface EtcdSecretSpec {
  readonly etcdPeer: PemPair | null;
}

/** One resource, `etcd`. */
export const EtcdSecrets: ResourceType<EtcdSecretSpec> = {
  type: 'EtcdSecrets.secrets.talos.dev',
  display: 'secrets.EtcdSecrets',
  defaultNamespace: 'secrets',
  contract: true,
  toYaml: ({ etcdPeer }) => toYaml({ etcdPeer: pairForm(etcdPeer) }),
};

/** The only id. */
export const ETCD_SECRET_ID = 'etcd';
