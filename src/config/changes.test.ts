import { expect, test } from 'vitest';
import { changedPaths } from './changes.ts';
import type { MachineConfig } from './schema/config.ts';

const current: MachineConfig = {
  machine: {
    type: 'worker',
    token: 'old-secret',
    certSANs: ['a'],
    sysctls: { 'vm.swappiness': '1' },
    network: { interfaces: [{ interface: 'eth0', mtu: 1500, dhcpOptions: { routeMetric: 1 } }] },
    systemDiskEncryption: { ephemeral: { keys: [{ static: { passphrase: 'p1' } }] } },
  },
  cluster: { adminKubeconfig: { certLifetime: 3_600_000_000_000n } },
};

test('every difference is named at its leaf, secrets hidden', () => {
  const next: MachineConfig = {
    machine: {
      type: 'worker',
      token: 'new-secret',
      certSANs: ['a', 'b'],
      sysctls: { 'vm.swappiness': '1', 'net.x': '' },
      network: {
        interfaces: [
          { interface: 'eth0', mtu: 9000, dhcpOptions: { routeMetric: 1, ipv4: false } },
          { interface: 'wg0', wireguard: { privateKey: 'k' } },
        ],
      },
      systemDiskEncryption: { ephemeral: { keys: [{ nodeID: {} }] } },
    },
    cluster: { proxy: { disabled: true } },
  };
  expect(changedPaths(current, next)).toEqual(
    [
      { path: 'machine.token', from: '******', to: '******' },
      { path: 'machine.network.interfaces[0].mtu', from: 1500, to: 9000 },
      { path: 'machine.network.interfaces[0].dhcpOptions.ipv4', from: undefined, to: false },
      {
        path: 'machine.network.interfaces[1]',
        from: undefined,
        to: { interface: 'wg0', wireguard: { privateKey: '******' } },
      },
      { path: 'machine.systemDiskEncryption.ephemeral.keys[0].static.passphrase', from: '******', to: undefined },
      { path: 'machine.systemDiskEncryption.ephemeral.keys[0].nodeID', from: undefined, to: {} },
      { path: 'machine.sysctls["net.x"]', from: undefined, to: '' },
      { path: 'machine.certSANs', from: ['a'], to: ['a', 'b'] },
      { path: 'cluster.proxy.disabled', from: undefined, to: true },
      { path: 'cluster.adminKubeconfig.certLifetime', from: '1h0m0s', to: undefined },
    ].sort(bySchemaOrder),
  );
});

// The schema writes certSANs before network, and sysctls after it.
function bySchemaOrder(a: { path: string }, b: { path: string }): number {
  const order = [
    'machine.token',
    'machine.certSANs',
    'machine.network',
    'machine.sysctls',
    'machine.systemDisk',
    'cluster.proxy',
    'cluster.admin',
  ];
  const rank = ({ path }: { path: string }) => order.findIndex(prefix => path.startsWith(prefix));
  return rank(a) - rank(b);
}

test('empty counts as absent', () => {
  const spelled: MachineConfig = {
    ...current,
    version: '',
    debug: false,
    machine: {
      ...current.machine,
      kubelet: { extraArgs: {}, extraMounts: [] },
      registries: {},
      network: { ...current.machine?.network, nameservers: [], hostname: '' },
    },
  };
  expect(changedPaths(current, spelled)).toEqual([]);
  expect(changedPaths(spelled, current)).toEqual([]);
});
