import type { ResourceType } from '../../runtime/resource.ts';
import { sortKeys, toYaml, type YamlValue } from '../yaml.ts';

/** A folder of the host that a control plane pod sees. */
export interface ExtraVolumeSpec {
  readonly name: string;
  readonly hostPath: string;
  readonly mountPath: string;
  readonly readonly: boolean;
}

/** Id `kube-apiserver`. */
export interface ApiServerSpec {
  readonly image: string;
  readonly cloudProvider: string;
  readonly controlPlaneEndpoint: string;
  readonly etcdServers: readonly string[];
  readonly localPort: number;
  /** Comma-joined. */
  readonly serviceCIDR: string;
  readonly extraArgs: Readonly<Record<string, string>>;
  readonly extraVolumes: readonly ExtraVolumeSpec[];
}

/** Id `kube-controller-manager`. */
export interface ControllerManagerSpec {
  readonly image: string;
  readonly cloudProvider: string;
  readonly podCIDR: string;
  readonly serviceCIDR: string;
  readonly extraArgs: Readonly<Record<string, string>>;
  readonly extraVolumes: readonly ExtraVolumeSpec[];
}

/** Id `kube-scheduler`. */
export interface SchedulerSpec {
  readonly image: string;
  readonly extraArgs: Readonly<Record<string, string>>;
  readonly extraVolumes: readonly ExtraVolumeSpec[];
}

/** Id `system-manifests`. */
export interface SystemManifestsSpec {
  /** URL of the API server; the contract calls its key `string`. */
  readonly server: string;
  readonly clusterDomain: string;
  readonly podCIDRs: string;
  readonly firstPodCIDR: string;
  readonly proxyEnabled: boolean;
  readonly proxyImage: string;
  readonly proxyMode: string;
  readonly proxyExtraArgs: Readonly<Record<string, string>>;
  readonly coreDNSImage: string;
  readonly dnsServiceIP: string;
  readonly dnsServiceIPv6: string;
  readonly flannelEnabled: boolean;
  readonly flannelImage: string;
  readonly flannelCNIImage: string;
}

/** A manifest that is downloaded. */
export interface ExtraManifestSpec {
  readonly url: string;
  /** `05` for the network plugin, `99` for extra manifests. */
  readonly priority: string;
  readonly extraHeaders: Readonly<Record<string, string>>;
}

/** Id `extra-manifests`. */
export interface ExtraManifestsSpec {
  readonly extraManifests: readonly ExtraManifestSpec[];
}

/** The specs by id. */
export interface KubernetesControlPlaneConfigSpecs {
  'kube-apiserver': ApiServerSpec;
  'kube-controller-manager': ControllerManagerSpec;
  'kube-scheduler': SchedulerSpec;
  'system-manifests': SystemManifestsSpec;
  'extra-manifests': ExtraManifestsSpec;
}

/** What the five ids of the type hold. */
export type KubernetesControlPlaneConfigSpec =
  KubernetesControlPlaneConfigSpecs[keyof KubernetesControlPlaneConfigSpecs];

const volumes = (list: readonly ExtraVolumeSpec[]) =>
  list.map(({ name, hostPath, mountPath, readonly }) => ({ name, hostPath, mountPath, readonly }));

const forms: {
  [Id in keyof KubernetesControlPlaneConfigSpecs]: (spec: KubernetesControlPlaneConfigSpecs[Id]) => YamlValue;
} = {
  'kube-apiserver': spec => ({
    image: spec.image,
    cloudProvider: spec.cloudProvider,
    controlPlaneEndpoint: spec.controlPlaneEndpoint,
    etcdServers: spec.etcdServers,
    localPort: spec.localPort,
    serviceCIDR: spec.serviceCIDR,
    extraArgs: sortKeys(spec.extraArgs),
    extraVolumes: volumes(spec.extraVolumes),
  }),
  'kube-controller-manager': spec => ({
    image: spec.image,
    cloudProvider: spec.cloudProvider,
    podCIDR: spec.podCIDR,
    serviceCIDR: spec.serviceCIDR,
    extraArgs: sortKeys(spec.extraArgs),
    extraVolumes: volumes(spec.extraVolumes),
  }),
  'kube-scheduler': spec => ({
    image: spec.image,
    extraArgs: sortKeys(spec.extraArgs),
    extraVolumes: volumes(spec.extraVolumes),
  }),
  'system-manifests': spec => ({
    string: spec.server,
    clusterDomain: spec.clusterDomain,
    podCIDRs: spec.podCIDRs,
    firstPodCIDR: spec.firstPodCIDR,
    proxyEnabled: spec.proxyEnabled,
    proxyImage: spec.proxyImage,
    proxyMode: spec.proxyMode,
    proxyExtraArgs: sortKeys(spec.proxyExtraArgs),
    coreDNSImage: spec.coreDNSImage,
    dnsServiceIP: spec.dnsServiceIP,
    dnsServiceIPv6: spec.dnsServiceIPv6,
    flannelEnabled: spec.flannelEnabled,
    flannelImage: spec.flannelImage,
    flannelCNIImage: spec.flannelCNIImage,
  }),
  'extra-manifests': spec => ({
    extraManifests: spec.extraManifests.map(({ url, priority, extraHeaders }) => ({
      url,
      priority,
      extraHeaders: sortKeys(extraHeaders),
    })),
  }),
};

/** What the control plane of this node is made from, in five parts with a spec each (spec/resources.md §6.3). */
export const KubernetesControlPlaneConfigs: ResourceType<KubernetesControlPlaneConfigSpec> = {
  type: 'KubernetesControlPlaneConfigs.config.talos.dev',
  display: 'config.KubernetesControlPlaneConfig',
  defaultNamespace: 'config',
  contract: true,
  // The id says which of the specs it is.
  toYaml: (spec, id) => toYaml(forms[id as keyof KubernetesControlPlaneConfigSpecs](spec as never)),
};

/** The descriptor for one id: `ctx.get(controlPlanePart('kube-scheduler'), 'kube-scheduler')`. */
export function controlPlanePart<Id extends keyof KubernetesControlPlaneConfigSpecs>(
  _id: Id,
): ResourceType<KubernetesControlPlaneConfigSpecs[Id]> {
  return KubernetesControlPlaneConfigs as ResourceType<KubernetesControlPlaneConfigSpecs[Id]>;
}
