import { expect, test } from 'vitest';
import { decodeConfig } from './decode.ts';
import { identityChanges } from './identity.ts';
import { isWithin, NEEDS, planChange } from './needs.ts';
import { cluster } from './schema/cluster.ts';
import { type MachineConfig, machineConfig } from './schema/config.ts';
import { machine } from './schema/machine.ts';

function load(text: string): MachineConfig {
  return decodeConfig(Buffer.from(text), { file: 'c.yaml', unknownKeys: 'refuse' }).config;
}

/** `path: need[ service][ (refused live)]` of each change. */
function plan(before: string, after: string, hasService?: (id: string) => boolean): string[] {
  return planChange(load(before), load(after), { hasService }).map(
    ({ path, need, service, isLive }) =>
      `${path}: ${need}${service ? ` ${service}` : ''}${isLive ? '' : ' (refused live)'}`,
  );
}

const BEFORE = `
machine:
  type: controlplane
  token: old
  sysctls: {net.ipv4.ip_forward: "1", vm.swappiness: "1"}
  files:
    - {path: /var/a, content: a, op: create, permissions: 0o644}
    - {path: /etc/hosts, content: a, op: append, permissions: 0o644}
  install: {disk: /dev/sda}
cluster: {controlPlane: {endpoint: "https://a:6443"}}
`;
const AFTER = `
machine:
  type: init
  token: new
  certSANs: [10.0.0.1]
  env: {https_proxy: http://p}
  sysctls: {net.ipv4.ip_forward: "0"}
  time: {servers: [a]}
  registries: {mirrors: {docker.io: {endpoints: [http://m]}}}
  network: {hostname: a, interfaces: [{interface: eth0, dhcp: true}]}
  files:
    - {path: /var/a, content: b, op: create, permissions: 0o644}
    - {path: /etc/hosts, content: b, op: append, permissions: 0o644}
    - {path: /var/../etc/passwd, content: b, op: create, permissions: 0o644}
  install: {disk: /dev/sdb}
cluster: {controlPlane: {endpoint: "https://b:6443"}, etcd: {extraArgs: {a: b}}, proxy: {disabled: true}}
`;

test('each changed path says what it needs, and whether immediate mode takes it', () => {
  expect(plan(BEFORE, AFTER)).toEqual([
    'cluster.controlPlane.endpoint: now',
    'cluster.etcd.extraArgs.a: reboot',
    'cluster.proxy.disabled: now',
    'machine.certSANs: now',
    'machine.env.https_proxy: now',
    'machine.files[0].content: reboot (refused live)',
    'machine.files[1].content: reboot (refused live)',
    'machine.files[2]: reboot (refused live)',
    'machine.install.disk: reset (refused live)',
    'machine.network.hostname: now',
    'machine.network.interfaces[0]: now',
    'machine.registries.mirrors["docker.io"]: restart cri',
    'machine.sysctls["net.ipv4.ip_forward"]: now',
    'machine.sysctls["vm.swappiness"]: reboot',
    'machine.time.servers: restart timed',
    'machine.token: reboot (refused live)',
    'machine.type: reboot (refused live)',
  ]);
  expect(plan(AFTER, AFTER)).toEqual([]);
  expect(plan(BEFORE, AFTER, id => id !== 'timed')).toContain('machine.time.servers: now');
});

test('files under /var are live while those over the system stay the same, wherever they stand in the list', () => {
  const files = (...entries: string[]) => `machine: {files: [${entries.join(', ')}]}`;
  const own = (text: string) => `{path: /var/a, content: ${text}, op: create}`;
  const system = '{path: /etc/hosts, content: a, op: append, permissions: 0o644}';
  expect(plan(files(own('a'), system), files(own('b'), own('c'), system))).toEqual([
    'machine.files[0].content: now',
    'machine.files[1].content: now',
    'machine.files[1].op: now',
    'machine.files[1].path: now',
    'machine.files[1].permissions: now',
    'machine.files[2]: now',
  ]);
});

test('every section of the schema has a row, and every row a section', () => {
  const sections = [
    ...Object.keys(machineConfig.fields).filter(key => key !== 'machine' && key !== 'cluster'),
    ...Object.keys(machine.fields).map(key => `machine.${key}`),
    ...Object.keys(cluster.fields).map(key => `cluster.${key}`),
  ];
  const rows = NEEDS.map(([path]) => path);
  expect(sections.filter(section => !rows.some(row => isWithin(section, row)))).toEqual([]);
  expect(rows.filter(row => row !== 'cluster' && !sections.some(section => isWithin(row, section)))).toEqual([]);
});

test('what belongs to one node alone is told apart from what nodes share', () => {
  const node = (machine: string) => load(`machine: {${machine}}`);
  const own = node(`type: join, network: {hostname: a, interfaces: [{interface: eth0, cidr: 10.0.0.1/24, mtu: 1500}]}`);
  const shared = node(
    `type: worker, network: {hostname: a, nameservers: [1.1.1.1], interfaces: [{interface: eth1, dhcp: true}, {interface: eth0, cidr: 10.0.0.1/24, mtu: 9000}]}`,
  );
  expect(identityChanges(own, shared)).toEqual([]);
  const other = node(
    `type: init, network: {hostname: b, interfaces: [{interface: eth0, cidr: 10.0.0.2/24, vip: {ip: 10.0.0.9}}, {interface: wg0, wireguard: {privateKey: k}}]}`,
  );
  expect(identityChanges(own, other)).toEqual([
    'machine.network.hostname',
    'machine.network.interfaces (eth0).cidr',
    'machine.network.interfaces (eth0).vip.ip',
    'machine.network.interfaces (wg0).wireguard.privateKey',
    'machine.type',
  ]);
});
