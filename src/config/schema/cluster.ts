import { bool, duration, field, int, list, map, object, pemKey, pemPair, string, type TypeOf, url } from './types.ts';

/** `cluster.controlPlane` (machine-config.md §4.11). */
export const controlPlane = object({
  endpoint: field(url, 'The URL under which the Kubernetes API is reached.', { example: 'https://1.2.3.4:6443' }),
  localAPIServerPort: field(int, 'The port of the API server on each node.', { defaultText: '6443' }),
});
export type ControlPlaneConfig = TypeOf<typeof controlPlane>;

/** `cluster.network.cni` (machine-config.md §4.11). */
export const cni = object({
  name: field(string, 'The network plugin: `flannel` or `custom`.', { always: true }),
  urls: field(list(string), 'Manifests of a `custom` plugin.'),
});
export type CniConfig = TypeOf<typeof cni>;

/** `cluster.network` (machine-config.md §4.11). */
export const clusterNetwork = object({
  cni: field(cni, 'The network plugin of the cluster.', {
    example: 'name: custom\nurls: [https://www.example.com/cni.yaml]',
    defaultText: 'flannel',
  }),
  dnsDomain: field(string, 'The DNS domain of the cluster.', { example: 'cluster.local' }),
  podSubnets: field(list(string), 'Networks of the pods.', {
    example: '[10.244.0.0/16]',
    defaultText: '10.244.0.0/16',
  }),
  serviceSubnets: field(list(string), 'Networks of the services.', {
    example: '[10.96.0.0/12]',
    defaultText: '10.96.0.0/12',
  }),
});
export type ClusterNetworkConfig = TypeOf<typeof clusterNetwork>;

/** `extraVolumes[]` of a control plane part (machine-config.md §4.11). */
export const extraVolume = object({
  hostPath: field(string, 'The path on the host.', { example: '/var/lib/auth' }),
  mountPath: field(string, 'The path in the pod.', { example: '/etc/kubernetes/auth' }),
  readonly: field(bool, 'Whether the pod may only read it.', { example: 'true' }),
});
export type ExtraVolume = TypeOf<typeof extraVolume>;

const args = field(map(string), 'Flags added to those of the program.', { example: 'key: value' });
const volumes = field(list(extraVolume), 'Folders of the host that the pod sees.');
const image = (reference: string) => field(string, 'The image.', { example: reference, defaultText: reference });

/** `cluster.apiServer` (machine-config.md §4.11). */
export const apiServer = object({
  image: image('k8s.gcr.io/kube-apiserver:v1.20.6'),
  extraArgs: args,
  extraVolumes: volumes,
  certSANs: field(list(string), 'Further names and addresses in the certificate of the API server.', {
    example: '[1.2.3.4, 4.5.6.7]',
  }),
});
export type ApiServerConfig = TypeOf<typeof apiServer>;

/** `cluster.controllerManager` (machine-config.md §4.11). */
export const controllerManager = object({
  image: image('k8s.gcr.io/kube-controller-manager:v1.20.6'),
  extraArgs: args,
  extraVolumes: volumes,
});
export type ControllerManagerConfig = TypeOf<typeof controllerManager>;

/** `cluster.proxy` (machine-config.md §4.11). */
export const proxy = object({
  disabled: field(bool, 'Whether kube-proxy is left out.', { example: 'false' }),
  image: image('k8s.gcr.io/kube-proxy:v1.20.6'),
  mode: field(string, 'How kube-proxy forwards.', { example: 'ipvs', defaultText: 'iptables' }),
  extraArgs: args,
});
export type ProxyConfig = TypeOf<typeof proxy>;

/** `cluster.scheduler` (machine-config.md §4.11). */
export const scheduler = object({
  image: image('k8s.gcr.io/kube-scheduler:v1.20.6'),
  extraArgs: args,
  extraVolumes: volumes,
});
export type SchedulerConfig = TypeOf<typeof scheduler>;

/** `cluster.etcd` (machine-config.md §4.11). */
export const etcd = object({
  image: image('gcr.io/etcd-development/etcd:v3.4.15'),
  ca: field(pemPair, 'The CA of etcd.'),
  extraArgs: field(map(string), 'Flags added to those of etcd.', {
    example: 'election-timeout: "5000"',
  }),
});
export type EtcdConfig = TypeOf<typeof etcd>;

/** `cluster.podCheckpointer` (machine-config.md §4.11). */
export const podCheckpointer = object({
  image: field(string, 'Accepted for older files; unused.', { example: '...' }),
});

/** `cluster.coreDNS` (machine-config.md §4.11). */
export const coreDns = object({
  image: image('docker.io/coredns/coredns:1.8.0'),
});

/** `cluster.adminKubeconfig` (machine-config.md §4.11). */
export const adminKubeconfig = object(
  {
    certLifetime: field(duration, 'How long the certificate of an admin kubeconfig lives.', {
      example: '1h',
      defaultText: '8760h',
    }),
  },
  { isValue: true },
);

/** `cluster` (machine-config.md §4.11). */
export const cluster = object({
  controlPlane: field(controlPlane, 'Where the control plane is reached.', {
    example: 'endpoint: https://1.2.3.4:6443\nlocalAPIServerPort: 443',
  }),
  clusterName: field(string, 'The name of the cluster.'),
  network: field(clusterNetwork, 'The network of the cluster.', {
    example:
      'cni:\n  name: flannel\ndnsDomain: cluster.local\npodSubnets: [10.244.0.0/16]\nserviceSubnets: [10.96.0.0/12]',
  }),
  token: field(string, 'The token with which kubelets join.', { example: 'wlzjyw.bei2zfylhs2by0wd', secret: true }),
  aescbcEncryptionSecret: field(string, 'The key with which secrets are stored in etcd.', {
    example: 'z01mye6j16bspJYtTB/5SFX8j7Ph4JXxM2Xuu4vsBPM=',
    secret: true,
  }),
  ca: field(pemPair, 'The CA of Kubernetes.'),
  aggregatorCA: field(pemPair, 'The CA of the API aggregation layer.'),
  serviceAccount: field(pemKey, 'The key that signs service account tokens.'),
  apiServer: field(apiServer, 'The API server.'),
  controllerManager: field(controllerManager, 'The controller manager.'),
  proxy: field(proxy, 'kube-proxy.'),
  scheduler: field(scheduler, 'The scheduler.'),
  etcd: field(etcd, 'etcd.'),
  podCheckpointer: field(podCheckpointer, 'Accepted for older files; unused.'),
  coreDNS: field(coreDns, 'CoreDNS.'),
  extraManifests: field(list(string), 'URLs of manifests applied at bootstrap.', {
    example: '[https://www.example.com/manifest1.yaml]',
  }),
  extraManifestHeaders: field(map(string), 'HTTP headers sent when `extraManifests` are fetched.', {
    example: 'Token: "1234567"',
    secret: true,
  }),
  adminKubeconfig: field(adminKubeconfig, 'The kubeconfig handed to admins.', { example: 'certLifetime: 1h' }),
  allowSchedulingOnMasters: field(bool, 'Whether workloads run on control plane nodes.', { example: 'true' }),
});
export type ClusterSection = TypeOf<typeof cluster>;
