import type { PemPair } from '../../pki/pem.ts';
import { endpointSan } from '../endpoint.ts';
import { kubernetesImages } from '../images.ts';
import type { ClusterSection, CniConfig } from '../schema/cluster.ts';
import type { MachineConfig } from '../schema/config.ts';
import type { MachineSection } from '../schema/machine.ts';
import type { NetworkInterface } from '../schema/network.ts';
import type { SecretsBundle } from './secrets.ts';

/** The three kinds of config of a cluster; `worker` is what the file `join.yaml` holds. */
export type ConfigRole = 'init' | 'controlplane' | 'worker';

/** What the configs of a cluster are made from (spec/machine-config.md §7.1). */
export interface GenerateInput {
  readonly clusterName: string;
  /** The URL of the control plane, in canonical form. */
  readonly endpoint: string;
  readonly secrets: SecretsBundle;
  /** Left out where empty. */
  readonly dnsDomain?: string;
  /** Without a leading `v`. Images are named only where it is given. */
  readonly kubernetesVersion?: string;
  readonly installDisk?: string;
  readonly installImage?: string;
  /** Joins the endpoint's host in the API server's certificate. */
  readonly additionalSans?: readonly string[];
  /** Names and addresses in the certificate of the node API. */
  readonly machineSans?: readonly string[];
  /** URL of the mirror by registry host. */
  readonly registryMirrors?: ReadonlyMap<string, string>;
  readonly persist?: boolean;
  readonly hostname?: string;
  readonly interfaces?: readonly NetworkInterface[];
  readonly cni?: CniConfig;
  readonly allowSchedulingOnMasters?: boolean;
}

export const POD_SUBNETS = ['10.244.0.0/16'];
export const SERVICE_SUBNETS = ['10.96.0.0/12'];

/** A machine config for one role (spec/machine-config.md §7.3; workers know the CA of the node API, §15). */
export function generateConfig(role: ConfigRole, input: GenerateInput): MachineConfig {
  return {
    version: 'v1alpha1',
    debug: false,
    persist: input.persist ?? true,
    machine: machineSection(role, input),
    cluster: role === 'worker' ? workerCluster(input) : controlPlaneCluster(input),
  };
}

function machineSection(role: ConfigRole, input: GenerateInput): MachineSection {
  const { secrets, kubernetesVersion, installDisk, installImage, registryMirrors, machineSans } = input;
  const { hostname, interfaces } = input;
  const machine: MachineSection = {
    type: role,
    token: secrets.trustdToken,
    ca: role === 'worker' ? withoutKey(secrets.os) : { ...secrets.os },
    kubelet: kubernetesVersion ? { image: kubernetesImages(kubernetesVersion).kubelet } : {},
    network: {
      ...(hostname ? { hostname } : {}),
      ...(interfaces?.length ? { interfaces: [...interfaces] } : {}),
    },
    install: {
      ...(installDisk ? { disk: installDisk } : {}),
      ...(installImage ? { image: installImage } : {}),
      bootloader: true,
      wipe: false,
    },
  };
  if (machineSans?.length) machine.certSANs = [...machineSans];
  if (registryMirrors?.size) {
    const mirrors = [...registryMirrors].map(([host, url]) => [host, { endpoints: [url] }]);
    machine.registries = { mirrors: Object.fromEntries(mirrors) };
  }
  return machine;
}

function workerCluster({ secrets, ...input }: GenerateInput): ClusterSection {
  return {
    controlPlane: { endpoint: input.endpoint },
    network: networkSection(input),
    token: secrets.bootstrapToken,
    ca: withoutKey(secrets.kubernetes),
  };
}

function controlPlaneCluster({ secrets, ...input }: GenerateInput): ClusterSection {
  const images = input.kubernetesVersion ? kubernetesImages(input.kubernetesVersion) : undefined;
  const part = (name: 'apiServer' | 'controllerManager' | 'proxy' | 'scheduler') =>
    images ? { image: images[name] } : {};
  const host = endpointSan(input.endpoint);
  const sans = [...(host === undefined ? [] : [host]), ...(input.additionalSans ?? [])];
  return {
    controlPlane: { endpoint: input.endpoint },
    clusterName: input.clusterName,
    network: networkSection(input),
    token: secrets.bootstrapToken,
    aescbcEncryptionSecret: secrets.aescbcEncryptionSecret,
    ca: { ...secrets.kubernetes },
    ...(secrets.aggregator ? { aggregatorCA: { ...secrets.aggregator } } : {}),
    ...(secrets.serviceAccountKey ? { serviceAccount: { key: secrets.serviceAccountKey } } : {}),
    apiServer: { ...part('apiServer'), ...(sans.length > 0 ? { certSANs: sans } : {}) },
    controllerManager: part('controllerManager'),
    proxy: part('proxy'),
    scheduler: part('scheduler'),
    etcd: { ca: { ...secrets.etcd } },
    ...(input.allowSchedulingOnMasters ? { allowSchedulingOnMasters: true } : {}),
  };
}

function networkSection({ cni, dnsDomain }: Pick<GenerateInput, 'cni' | 'dnsDomain'>) {
  return {
    ...(cni ? { cni } : {}),
    ...(dnsDomain ? { dnsDomain } : {}),
    podSubnets: [...POD_SUBNETS],
    serviceSubnets: [...SERVICE_SUBNETS],
  };
}

function withoutKey({ crt }: PemPair) {
  return { crt, key: new Uint8Array() };
}
