/** Where the container images of a node come from when its config names none (spec/machine-config.md §4.11). */

export const KUBERNETES_VERSION = '1.20.6';
/** The release whose contract is served; its installer is the default one. */
export const TALOS_TAG = 'v0.9.3';

const ETCD_VERSION = 'v3.4.15';

/** The images that follow the Kubernetes version, which is given without a leading `v`. */
export function kubernetesImages(version = KUBERNETES_VERSION) {
  return {
    apiServer: `k8s.gcr.io/kube-apiserver:v${version}`,
    controllerManager: `k8s.gcr.io/kube-controller-manager:v${version}`,
    scheduler: `k8s.gcr.io/kube-scheduler:v${version}`,
    proxy: `k8s.gcr.io/kube-proxy:v${version}`,
    kubelet: `ghcr.io/talos-systems/kubelet:v${version}`,
  };
}

/** The images that have a version of their own. */
export const FIXED_IMAGES = {
  flannel: 'quay.io/coreos/flannel:v0.13.0',
  installCni: 'ghcr.io/talos-systems/install-cni:v0.2.0-1-g0db3328',
  coreDns: 'docker.io/coredns/coredns:1.8.0',
  pause: 'k8s.gcr.io/pause:3.2',
};

/** etcd's image for an architecture in Node's terms (`x64`, `arm64`). */
export function etcdImage(arch: string): string {
  return `gcr.io/etcd-development/etcd:${ETCD_VERSION}${arch === 'arm64' ? '-arm64' : ''}`;
}

export function installerImage(tag = TALOS_TAG): string {
  return `ghcr.io/talos-systems/installer:${tag}`;
}

/** Every default image in the order in which `images` prints them. */
export function defaultImages(arch: string): string[] {
  const { apiServer, controllerManager, scheduler, proxy, kubelet } = kubernetesImages();
  const { flannel, installCni, coreDns, pause } = FIXED_IMAGES;
  const controlPlane = [apiServer, controllerManager, scheduler, proxy];
  return [flannel, installCni, coreDns, etcdImage(arch), ...controlPlane, kubelet, installerImage(), pause];
}
