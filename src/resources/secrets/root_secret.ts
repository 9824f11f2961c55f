import type { ResourceType } from '../../runtime/resource.ts';
import { toYaml, type YamlValue } from '../yaml.ts';
import { keyForm, type PemKey, type PemPair, pairForm } from './pem.ts';

/** Id `etcd`. */
export interface EtcdRootSpec {
  readonly etcdCA: PemPair | null;
}

/** Id `k8s`. */
export interface KubernetesRootSpec {
  readonly name: string;
  /** URL of the API server; shown in its parts. */
  readonly endpoint: string;
  readonly certSANs: readonly string[];
  readonly apiServerIPs: readonly string[];
  readonly dnsDomain: string;
  readonly ca: PemPair | null;
  readonly serviceAccount: PemKey | null;
  readonly aggregatorCA: PemPair | null;
  readonly aesCBCEncryptionSecret: string;
  readonly bootstrapTokenID: string;
  readonly bootstrapTokenSecret: string;
}

/** The secrets of the cluster that the others are made from, from the config of a control plane node (spec/resources.md §6.4). */
export const RootSecrets: ResourceType<EtcdRootSpec | KubernetesRootSpec> = {
  type: 'RootSecrets.secrets.talos.dev',
  display: 'secrets.RootSecret',
  defaultNamespace: 'secrets',
  aliases: ['rootSecret', 'rootSecrets'],
  contract: true,
  toYaml: spec => toYaml('etcdCA' in spec ? { etcdCA: pairForm(spec.etcdCA) } : kubernetesForm(spec)),
};

/** `RootSecrets` for id `etcd`. */
export const EtcdRoot: ResourceType<EtcdRootSpec> = RootSecrets;
/** `RootSecrets` for id `k8s`. */
export const KubernetesRoot: ResourceType<KubernetesRootSpec> = RootSecrets;
export const ETCD_ROOT_ID = 'etcd';
export const KUBERNETES_ROOT_ID = 'k8s';

function kubernetesForm(spec: KubernetesRootSpec): YamlValue {
  return {
    name: spec.name,
    endpoint: urlForm(spec.endpoint),
    certSANs: spec.certSANs,
    apiServerIPs: spec.apiServerIPs,
    dnsDomain: spec.dnsDomain,
    ca: pairForm(spec.ca),
    serviceAccount: keyForm(spec.serviceAccount),
    aggregatorCA: pairForm(spec.aggregatorCA),
    aesCBCEncryptionSecret: spec.aesCBCEncryptionSecret,
    bootstrapTokenID: spec.bootstrapTokenID,
    bootstrapTokenSecret: spec.bootstrapTokenSecret,
  };
}

const URL_PARTS = /^(?:([a-z][a-z\d+.-]*):)?(?:\/\/(?:([^/?#@]*)@)?([^/?#]*))?([^?#]*)(\?[^#]*)?(?:#(.*))?$/is;

/** The parts of a URL, its text taken as it stands: a default port stays. */
function urlForm(url: string): YamlValue {
  const [, scheme = '', user, host = '', path = '', query = '', fragment = ''] = URL_PARTS.exec(url) ?? [];
  return {
    scheme: scheme.toLowerCase(),
    opaque: '',
    user: user === undefined ? null : {},
    host,
    path,
    rawpath: '',
    forcequery: query === '?',
    rawquery: query.slice(1),
    fragment,
    rawfragment: '',
  };
}
