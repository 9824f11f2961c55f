import { etcdImage, FIXED_IMAGES, installerImage, kubernetesImages } from './images.ts';
import type { MachineConfig } from './schema/config.ts';
import type { EncryptionKey, PartitionEncryption } from './schema/storage.ts';

/**
 * The effective values of fields that may be absent (machine-config.md §4). An empty text or list counts as absent
 * wherever the tables say so.
 */

const HOUR = 3_600_000_000_000n;

export function kubeletImage(config: MachineConfig): string {
  return config.machine?.kubelet?.image || kubernetesImages().kubelet;
}

export function apiServerImage(config: MachineConfig): string {
  return config.cluster?.apiServer?.image || kubernetesImages().apiServer;
}

export function controllerManagerImage(config: MachineConfig): string {
  return config.cluster?.controllerManager?.image || kubernetesImages().controllerManager;
}

export function schedulerImage(config: MachineConfig): string {
  return config.cluster?.scheduler?.image || kubernetesImages().scheduler;
}

export function proxyImage(config: MachineConfig): string {
  return config.cluster?.proxy?.image || kubernetesImages().proxy;
}

/** The mode of kube-proxy. */
export function proxyMode(config: MachineConfig): string {
  return config.cluster?.proxy?.mode || 'iptables';
}

/** `arch` in Node's terms (`x64`, `arm64`). */
export function etcdImageOf(config: MachineConfig, arch: string): string {
  return config.cluster?.etcd?.image || etcdImage(arch);
}

export function coreDnsImage(config: MachineConfig): string {
  return config.cluster?.coreDNS?.image || FIXED_IMAGES.coreDns;
}

export function installImage(config: MachineConfig): string {
  return config.machine?.install?.image || installerImage();
}

/** The canonical URL of the Kubernetes API; empty only in a config that does not validate. */
export function clusterEndpoint(config: MachineConfig): string {
  return config.cluster?.controlPlane?.endpoint ?? '';
}

/** The port of the API server on each node. */
export function localApiServerPort(config: MachineConfig): number {
  return config.cluster?.controlPlane?.localAPIServerPort || 6443;
}

/** The DNS domain of the cluster: the default only where the whole `cluster.network` is missing (§4.11, §5). */
export function dnsDomain(config: MachineConfig): string {
  const network = config.cluster?.network;
  return network ? (network.dnsDomain ?? '') : 'cluster.local';
}

export function podSubnets(config: MachineConfig): string[] {
  return nonEmpty(config.cluster?.network?.podSubnets, ['10.244.0.0/16']);
}

export function serviceSubnets(config: MachineConfig): string[] {
  return nonEmpty(config.cluster?.network?.serviceSubnets, ['10.96.0.0/12']);
}

/** The network plugin that is deployed: everything but `custom` means flannel. */
export function cniName(config: MachineConfig): 'flannel' | 'custom' {
  return config.cluster?.network?.cni?.name === 'custom' ? 'custom' : 'flannel';
}

export function nameservers(config: MachineConfig): string[] {
  return nonEmpty(config.machine?.network?.nameservers, ['1.1.1.1', '8.8.8.8']);
}

export function timeServers(config: MachineConfig): string[] {
  return nonEmpty(config.machine?.time?.servers, ['pool.ntp.org']);
}

/** How long the certificate of an admin kubeconfig lives, in nanoseconds. */
export function adminCertLifetime(config: MachineConfig): bigint {
  return config.cluster?.adminKubeconfig?.certLifetime || 8760n * HOUR;
}

/** The kind of encryption of a system partition (§15: empty means `luks2`). */
export function encryptionProvider(encryption: PartitionEncryption): string {
  return encryption.provider || 'luks2';
}

export function encryptionCipher(encryption: PartitionEncryption): string {
  return encryption.cipher || 'aes-xts-plain64';
}

/** The LUKS2 slot of a key. */
export function keySlot(key: EncryptionKey): number {
  return key.slot ?? 0;
}

function nonEmpty(values: string[] | undefined, otherwise: string[]): string[] {
  return values && values.length > 0 ? values : otherwise;
}
