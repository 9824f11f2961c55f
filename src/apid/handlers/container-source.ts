import { ContainerDriver } from '../../gen/common/common.ts';
import { TalosdError } from '../../lib/errors.ts';

const CRI_SOCKET = '/run/containerd/containerd.sock';

/**
 * Which containers a call means by namespace and driver (spec/api.md §2.8). Returns for the parts of this agent, namespace
 * `system` of containerd; throws for everything else, naming what is wrong with the request or missing on this node. The original
 * tries to connect for ten seconds first.
 */
export function requireAgentParts(namespace: string, driver: number): void {
  if (driver === ContainerDriver.CRI) {
    if (namespace !== 'k8s.io') {
      throw new TalosdError('unknown', 'CRI inspector is supported only for K8s namespace');
    }
    throw new TalosdError(
      'unknown',
      `error connecting to CRI: dial unix ${CRI_SOCKET}: no container runtime on this node`,
    );
  }
  if (driver !== ContainerDriver.CONTAINERD) throw new TalosdError('unknown', `unsupported driver "${driver}"`);
  if (namespace === '') throw new TalosdError('unknown', 'namespace is required: failed precondition');
  if (namespace !== 'system') {
    throw new TalosdError('unknown', `failed to dial "${CRI_SOCKET}": no container runtime on this node`);
  }
}

/** As {@link requireAgentParts}, for a call that names a container: ids without a pod are unknown under CRI. */
export function requireAgentPart(namespace: string, driver: number, id: string): void {
  if (driver === ContainerDriver.CRI && namespace === 'k8s.io' && !id.includes('/')) throw containerNotFound(id);
  requireAgentParts(namespace, driver);
}

/** `container "<id>" not found` */
export function containerNotFound(id: string): TalosdError {
  return new TalosdError('unknown', `container "${id}" not found`);
}
