import { machineType } from './machine-type.ts';
import type { MachineConfig } from './schema/config.ts';

/**
 * Paths at which `next` differs from `current` in what belongs to one node alone: machine type, hostname, addresses of
 * interfaces, shared addresses, WireGuard keys. A call for several nodes that changes one of them carries another node's
 * configuration (machine-config.md §15).
 */
export function identityChanges(current: MachineConfig, next: MachineConfig): string[] {
  const before = identityOf(current);
  const after = identityOf(next);
  const paths = new Set([...before.keys(), ...after.keys()]);
  return [...paths].filter(path => before.get(path) !== after.get(path)).sort();
}

function identityOf(config: MachineConfig): Map<string, string> {
  const identity = new Map<string, string>([['machine.type', machineType(config)]]);
  const put = (path: string, value: string | undefined) => {
    if (value) identity.set(path, value);
  };
  put('machine.network.hostname', config.machine?.network?.hostname);
  for (const link of config.machine?.network?.interfaces ?? []) {
    const at = `machine.network.interfaces (${link.interface ?? ''})`;
    put(`${at}.cidr`, link.cidr);
    for (const vlan of link.vlans ?? []) put(`${at}.vlans (${vlan.vlanId ?? 0}).cidr`, vlan.cidr);
    put(`${at}.vip.ip`, link.vip?.ip);
    put(`${at}.wireguard.privateKey`, link.wireguard?.privateKey);
  }
  return identity;
}
