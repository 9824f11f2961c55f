import { expect, test } from 'vitest';
import { machineConfig } from './config.ts';
import type { Field, ObjectType, Type } from './types.ts';

/** Every field of the config with its path, entries of lists and maps as `[]`. */
function fieldsOf(section: ObjectType, path = ''): [string, Field][] {
  return Object.entries(section.fields).flatMap(([key, field]) => {
    const at = path === '' ? key : `${path}.${key}`;
    return [[at, field] as [string, Field], ...inner(field.type, at)];
  });
}

function inner(type: Type, path: string): [string, Field][] {
  if (type.kind === 'object') return fieldsOf(type, path);
  if (type.kind === 'list') return inner(type.item, `${path}[]`);
  return type.kind === 'map' ? inner(type.value, `${path}[]`) : [];
}

const fields = fieldsOf(machineConfig);

test('everything that opens a door is a secret, and nothing else', () => {
  expect(fields.filter(([, { isSecret }]) => isSecret).map(([path]) => path)).toEqual([
    'machine.token',
    'machine.ca.key',
    'machine.network.interfaces[].wireguard.privateKey',
    'machine.registries.config[].tls.clientIdentity.key',
    'machine.registries.config[].auth.password',
    'machine.registries.config[].auth.auth',
    'machine.registries.config[].auth.identityToken',
    'machine.systemDiskEncryption.state.keys[].static.passphrase',
    'machine.systemDiskEncryption.ephemeral.keys[].static.passphrase',
    'cluster.token',
    'cluster.aescbcEncryptionSecret',
    'cluster.ca.key',
    'cluster.aggregatorCA.key',
    'cluster.serviceAccount.key',
    'cluster.etcd.ca.key',
    'cluster.extraManifestHeaders',
  ]);
});

test('numbers have the width of the contract', () => {
  const bond = 'machine.network.interfaces[].bond.';
  const widths: Record<string, string[]> = {};
  for (const [path, { type }] of fields)
    if (type.kind === 'int') {
      widths[type.name] ??= [];
      widths[type.name]!.push(path.replace(bond, 'bond.').replace('machine.network.interfaces[].', ''));
    }
  const inBond = (names: string) => names.split(' ').map(name => `bond.${name}`);
  expect(widths).toEqual({
    int: [
      'mtu',
      'wireguard.listenPort',
      'wireguard.firewallMark',
      'machine.systemDiskEncryption.state.keys[].slot',
      'machine.systemDiskEncryption.ephemeral.keys[].slot',
      'cluster.controlPlane.localAPIServerPort',
    ],
    uint32: [
      'routes[].metric',
      ...inBond('miimon updelay downdelay arpInterval resendIgmp minLinks lpInterval packetsPerSlave peerNotifyDelay'),
      'vlans[].routes[].metric',
      'dhcpOptions.routeMetric',
    ],
    uint16: [...inBond('adActorSysPrio adUserPortKey'), 'vlans[].vlanId'],
    uint8: inBond('numPeerNotif tlbDynamicLb allSlavesActive'),
  });
});
