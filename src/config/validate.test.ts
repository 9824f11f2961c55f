import { expect, test } from 'vitest';
import { decodeConfig } from './decode.ts';
import { formatProblem } from './problem.ts';
import { parseRuntimeMode, type RuntimeMode, validateConfig, validationErrorText } from './validate.ts';

const cluster = 'cluster: {controlPlane: {endpoint: "https://h:6443"}, network: {dnsDomain: a.b}}\n';

const check = (text: string, mode: RuntimeMode = 'cloud') => {
  const { config, positions } = decodeConfig(Buffer.from(text), { file: 'c.yaml', unknownKeys: 'refuse' });
  return validateConfig(config, { mode, diskExists: path => path === '/dev/sda', positions });
};
const messages = (text: string, mode?: RuntimeMode) => check(text, mode).problems.map(({ message }) => message);

test.each<[string, string, RuntimeMode, string[]]>([
  ['machine missing', `machine:\n${cluster}`, 'metal', ['machine instructions are required']],
  ['cluster missing', 'machine: {type: init}', 'cloud', ['cluster instructions are required']],
  ['no endpoint', 'machine: {}\ncluster: {}', 'cloud', ['cluster controlplane endpoint is required']],
  [
    'endpoint without a host',
    'machine: {}\ncluster: {controlPlane: {endpoint: ""}}',
    'container',
    ['invalid controlplane endpoint: hostname must not be blank'],
  ],
  [
    'endpoint port too big for a number',
    'machine: {}\ncluster: {controlPlane: {endpoint: "https://h:99999999999999999999"}}',
    'cloud',
    ['invalid controlplane endpoint: port number must be numeric'],
  ],
  [
    'IPv6 endpoint without brackets',
    'machine: {}\ncluster: {controlPlane: {endpoint: "https://2001:db8::1:6443"}}',
    'cloud',
    ['invalid controlplane endpoint: IPv6 addresses MUST be enclosed by square brackets'],
  ],
  [
    'no install section on metal',
    `machine: {}\n${cluster}`,
    'metal',
    ['install instructions are required in "metal" mode'],
  ],
  [
    'no disk on metal',
    `machine: {install: {}}\n${cluster}`,
    'metal',
    ['an install disk is required in "metal" mode', 'specified install disk does not exist: ""'],
  ],
  ['an install disk that is there', `machine: {install: {disk: /dev/sda}}\n${cluster}`, 'metal', []],
  ['no install section elsewhere', `machine: {}\n${cluster}`, 'cloud', []],
  [
    'cni of init',
    'machine: {type: init}\ncluster: {controlPlane: {endpoint: "https://h"}, network: {dnsDomain: a, cni: {}}}',
    'cloud',
    ['cni name should be one of [custom,flannel]'],
  ],
  [
    'interfaces of a worker',
    `machine: {network: {interfaces: [{vip: {}}, ~, {interface: eth0, dhcp: true, cidr: x, vip: {ip: fe80::1%a}}]}}\n${cluster}`,
    'cloud',
    [
      'virtual (shared) IP is not allowed on non-controlplane nodes',
      'virtual (shared) IP is not allowed on non-controlplane nodes',
      '[networking.os.device.interface]: required config section',
      '[networking.os.device.vip] failed to parse "" as IP address',
      'empty device',
      '[networking.os.device] "eth0": invalid network device addressing method',
      '[networking.os.device.CIDR] "eth0": invalid CIDR address: x',
      '[networking.os.device.vip] failed to parse "fe80::1%a" as IP address',
    ],
  ],
  ['an ignored interface', `machine: {network: {interfaces: [{ignore: true, cidr: x}]}}\n${cluster}`, 'cloud', []],
  ['missing cluster network', 'machine: {}\ncluster: {controlPlane: {endpoint: "https://h"}}', 'cloud', []],
  [
    'partitions without a size before the last',
    `machine: {disks: [{device: /dev/sdb, partitions: [{}, {size: 0}, {size: 1 GB}, {}]}]}\n${cluster}`,
    'cloud',
    Array(2).fill(
      'partition for disk "/dev/sdb" is set to occupy full disk, but it\'s not the last partition in the list',
    ),
  ],
  [
    'ephemeral keys',
    `machine: {systemDiskEncryption: {ephemeral: {}, state: {}}}\n${cluster}`,
    'cloud',
    ['no encryption keys provided for the ephemeral partition encryption'],
  ],
  [
    'null entries',
    `machine: {files: [~], systemDiskEncryption: {ephemeral: {keys: [~]}}, registries: {mirrors: {docker.io: ~}}}\n${cluster}`,
    'cloud',
    ['files[0] is empty', 'keys[0] is empty', 'mirrors["docker.io"] is empty'],
  ],
  [
    'machine type',
    `machine: {type: wroker}\n${cluster}`,
    'cloud',
    ['unknown machine type "wroker": expected one of init, controlplane, join, worker'],
  ],
])('%s', (_name, text, mode, expected) => {
  expect(messages(text, mode)).toEqual(expected);
});

test('the wire form names message and place', () => {
  const { problems } = check(
    `machine:\n  network:\n    interfaces:\n      - cidr: 10.0.0.1\n        interface: eth0\n${cluster}`,
  );
  expect(validationErrorText(problems)).toBe(
    '1 error occurred:\n\t* [networking.os.device.CIDR] "eth0": invalid CIDR address: 10.0.0.1 (c.yaml:4:15: machine.network.interfaces[0].cidr)\n\n',
  );
});

test('WireGuard endpoints are host:port', () => {
  const peers = [
    '209.202.254.14.8172',
    '10.0.0.1:51820',
    '[fd00::1]:1',
    'vpn.example.com:1',
    'a:70000',
    'fd00::1:1',
    'x',
  ];
  const list = peers.map(endpoint => `{endpoint: "${endpoint}"}`).join(', ');
  const { problems, notes } = check(
    `machine: {network: {interfaces: [{interface: wg0, wireguard: {peers: [${list}]}}]}}\n${cluster}`,
  );
  expect(problems.map(({ message, hint }) => [message, hint])).toEqual([
    ['invalid WireGuard endpoint "209.202.254.14.8172": expected host:port', 'did you mean 209.202.254.14:8172?'],
    ['invalid WireGuard endpoint "a:70000": expected host:port', undefined],
    ['invalid WireGuard endpoint "fd00::1:1": expected host:port', undefined],
  ]);
  expect(notes.map(formatProblem)).toEqual([
    'c.yaml:1:255: machine.network.interfaces[0].wireguard.peers[6].endpoint: invalid WireGuard endpoint "x": expected host:port',
  ]);
});

test.each(['_a.b_c.local.', 'a', 'A_', `${'a'.repeat(63)}.b`, Array(4).fill('a'.repeat(63)).join('.').concat('.abc')])(
  '%j is a DNS name',
  name => {
    expect(messages(`machine: {}\n${cluster.replace('a.b', JSON.stringify(name))}`)).toEqual([]);
  },
);

test('names that no certificate can carry give a note', () => {
  const { problems, notes } = check(`machine: {certSANs: [a.b, "ö", 10.0.0.1, "a b", "fd00::1"]}\n${cluster}`);
  expect([problems, notes.map(formatProblem)]).toEqual([
    [],
    [
      'c.yaml:1:27: machine.certSANs[1]: "ö" is no name that a certificate can carry',
      'c.yaml:1:42: machine.certSANs[3]: "a b" is no name that a certificate can carry',
    ],
  ]);
});

// 256 letters in valid labels
const tooLong = Array(4).fill('a'.repeat(63)).join('.').concat('.abcd');

test.each(['', '10.0.0.1', 'a b', '*', '-a', 'a..b', 'a'.repeat(64), '::1', tooLong])('%j is no DNS name', name => {
  expect(messages(`machine: {}\n${cluster.replace('a.b', JSON.stringify(name))}`)).toEqual([
    `${JSON.stringify(name)} is not a valid DNS name`,
  ]);
});

test('modes', () => {
  expect(parseRuntimeMode('metal')).toBe('metal');
  expect(() => parseRuntimeMode('Metal')).toThrow('unknown runtime mode: "Metal"');
});
