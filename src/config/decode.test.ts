import { describe, expect, test } from 'vitest';
import { decodeConfig } from './decode.ts';
import { limits } from './document.ts';
import { ConfigError, formatProblem } from './problem.ts';

const load = (text: string | Uint8Array, unknownKeys: 'refuse' | 'note' = 'refuse') =>
  decodeConfig(typeof text === 'string' ? Buffer.from(text) : text, { file: 'c.yaml', unknownKeys });

const problems = (text: string | Uint8Array) => {
  try {
    load(text);
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split('\n');
    throw error;
  }
  return [];
};

const notes = (text: string) => load(text).notes.map(formatProblem);

describe('a config that loads', () => {
  test('every kind of field has its value; absent and null are no properties', () => {
    const { config } = load(`
debug: yes
persist: "off"
machine:
  type: worker
  ca: {crt: "Q1\\nJU", key: ""}
  certSANs: [a, ~, 1.50, true]
  network:
    interfaces:
      - {interface: eth0, mtu: 1_500, dhcpOptions: {ipv6: false}, dhcp: ~}
      - {interface: eth1, mtu: 0x5dc, routes: [~, {network: 0.0.0.0/0, metric: 1500.9}]}
      - interface: wg0
        wireguard: {peers: [{persistentKeepaliveInterval: 1h30m}]}
  disks: [{device: /dev/sdb, partitions: [{size: 1.5 GB}, {size: 1073741824}]}]
  files:
    - permissions: 0644
      content: |
        a
         b
      op: create
  sysctls: {a.b: 0x10, c: ~, __proto__: x}
  kubelet: {}
cluster:
  controlPlane: {endpoint: "HTTPS://[2001:db8::1]:6443"}
`);
    expect(config).toEqual({
      debug: true,
      persist: false,
      machine: {
        type: 'worker',
        ca: { crt: new Uint8Array(Buffer.from('CRT')), key: new Uint8Array() },
        certSANs: ['a', '1.50', 'true'],
        network: {
          interfaces: [
            { interface: 'eth0', mtu: 1500, dhcpOptions: { ipv6: false } },
            { interface: 'eth1', mtu: 1500, routes: [{ network: '0.0.0.0/0', metric: 1500 }] },
            { interface: 'wg0', wireguard: { peers: [{ persistentKeepaliveInterval: 5_400_000_000_000n }] } },
          ],
        },
        disks: [{ device: '/dev/sdb', partitions: [{ size: 1_500_000_000n }, { size: 1_073_741_824n }] }],
        files: [{ permissions: 0o644, content: 'a\n b\n', op: 'create' }],
        sysctls: Object.fromEntries([
          ['a.b', '0x10'],
          ['c', ''],
          ['__proto__', 'x'],
        ]),
        kubelet: {},
      },
      cluster: { controlPlane: { endpoint: 'https://[2001:db8::1]:6443' } },
    });
  });

  test('anchors, aliases and merge keys; own keys win over merged ones', () => {
    const { config } = load(`
machine:
  kubelet: {extraArgs: &args {v: 4, w: 1}}
cluster:
  apiServer: {extraArgs: {<<: *args, w: 2}}
  scheduler: {extraArgs: {<<: [{x: 9}, *args]}, image: &image a}
  proxy: {image: *image}
`);
    expect(config.cluster).toEqual({
      apiServer: { extraArgs: { v: '4', w: '2' } },
      scheduler: { extraArgs: { v: '4', w: '1', x: '9' }, image: 'a' },
      proxy: { image: 'a' },
    });
  });

  test('the source is kept byte for byte; the first of several documents counts', () => {
    const bytes = Buffer.from('\ufeff---\r\nmachine: {type: init}\r\n---\r\nmachine: {type: join}\r\n...\r\n');
    const { config, source } = load(bytes);
    expect(config).toEqual({ machine: { type: 'init' } });
    expect(source).toBe(bytes);
  });

  test('positions are those of the file, null entries are kept aside', () => {
    const { config, positions } = load('machine:\n  disks:\n    - ~\n    - device: x\n');
    expect(config.machine?.disks).toEqual([{ device: 'x' }]);
    expect(positions.locate('machine.disks[0].device')).toEqual({ file: 'c.yaml', line: 4, column: 15 });
    expect(positions.locate('machine.disks[0].partitions[3].size')).toEqual({ file: 'c.yaml', line: 4, column: 7 });
    expect(positions.nullEntries).toEqual([
      {
        parent: 'machine.disks',
        path: 'machine.disks[0]',
        keptBefore: 0,
        position: { file: 'c.yaml', line: 3, column: 7 },
      },
    ]);
  });
});

describe('a config that does not load', () => {
  test.each([
    ['', 'c.yaml:1:1: config not found'],
    ['# nothing\n', 'c.yaml:1:1: config not found'],
    ['{}', 'c.yaml:1:1: missing kind; a machine config has the key machine'],
    ['a: machine', 'c.yaml:1:1: missing kind; a machine config has the key machine'],
    ['- kind', 'c.yaml:1:1: missing kind; a machine config has the key machine'],
    ['machine: {}\n---\nfoo: bar\n', 'c.yaml:3:1: missing kind; a machine config has the key machine'],
    ['machine: {}\n---\n', 'c.yaml:2:4: missing kind; the document is empty'],
    ['cluster: {}\nMachine: {}', 'c.yaml:1:1: missing kind; did you mean machine in place of Machine?'],
    ['machin: {}', 'c.yaml:1:1: missing kind; did you mean machine in place of machin?'],
    ['kind: ~', 'c.yaml:1:1: missing kind; a machine config has the key machine'],
    ['kind: v1alpha1', 'c.yaml:1:1: missing version'],
    ['kind: v1alpha1\nversion: x', 'c.yaml:1:1: missing spec'],
    ['kind: Foo\nversion: v1\nspec: []', 'c.yaml:1:1: missing spec content'],
    ['kind: Foo\nversion: v1\nspec: {a: b}', 'c.yaml:1:1: new config: "Foo" "v1": not registered'],
    ['machine:\n\ttype: init', 'c.yaml:2:1: decode error: yaml: line 2: Tabs are not allowed as indentation'],
    ['machine: *x', "c.yaml:1:10: decode error: yaml: unknown anchor 'x' referenced"],
    ['machine: &m\n  kubelet: *m', "c.yaml:2:12: decode error: yaml: unknown anchor 'm' referenced"],
    ['machine: {token: "\x01"}', 'c.yaml:1:19: decode error: yaml: line 1: control characters are not allowed'],
    ['machine: {env: {A: 1, A: 2}}', 'c.yaml:1:23: machine.env.A: mapping key "A" already defined at line 1'],
    ['machine: []', 'c.yaml:1:10: machine: found a list, expected a mapping (cannot unmarshal !!seq into mapping)'],
    ['machine: {ca: {<<: 1}}', 'c.yaml:1:20: machine.ca: map merge requires map or sequence of maps as the value'],
  ])('%j: %s', (text, message) => {
    expect(problems(text)).toEqual([message]);
  });

  test('text in another encoding', () => {
    expect(problems(Buffer.from('\ufeffmachine: {}\n', 'utf16le'))).toEqual([
      'c.yaml:1:1: decode error: yaml: the document is UTF-16: save it as UTF-8',
    ]);
    expect(problems(Buffer.from('machine: {token: "\xe9"}', 'latin1'))).toEqual([
      'c.yaml:1:1: decode error: yaml: the document is no UTF-8 text',
    ]);
  });

  test('all problems at once, in document order, without secrets', () => {
    const text = `debug: "true"
machine:
  token: [a]
  ca: {crt: "!!!!", key: 5}
  network: {interfaces: [{mtu: "1500", vlans: [{vlanId: 70000}], wireguard: {privateKey: {a: b}}}]}
  files: [{permissions: "0644"}]
  disks: [{partitions: [{size: 5 parsecs}]}]
cluster:
  controlPlane: {endpoint: 10.0.0.1:6443, localAPIServerPort: .inf}
  extraManifestHeaders: {token: [secret]}
  adminKubeconfig: {certLifetime: 0}
`;
    expect(problems(text)).toEqual([
      'c.yaml:1:8: debug: found "true", expected true or false (cannot unmarshal !!str `true` into bool)',
      'c.yaml:3:10: machine.token: found a list, expected text (cannot unmarshal !!seq into string)',
      'c.yaml:4:13: machine.ca.crt: found text that is not shown, expected base64 text (illegal base64 data at input byte 0)',
      'c.yaml:4:26: machine.ca.key: found text that is not shown, expected base64 text (illegal base64 data at input byte 0)',
      'c.yaml:5:32: machine.network.interfaces[0].mtu: found "1500", expected a whole number (cannot unmarshal !!str `1500` into int)',
      'c.yaml:5:57: machine.network.interfaces[0].vlans[0].vlanId: found 70000, expected a whole number from 0 to 65535 (cannot unmarshal !!int `70000` into uint16)',
      'c.yaml:5:90: machine.network.interfaces[0].wireguard.privateKey: found a mapping, expected text (cannot unmarshal !!map into string)',
      'c.yaml:6:25: machine.files[0].permissions: found "0644", expected an unquoted number such as 0o644 (cannot unmarshal !!str `0644` into fileMode)',
      'c.yaml:7:32: machine.disks[0].partitions[0].size: found "5 parsecs", expected a size such as 100 MB (unhandled size name: parsecs)',
      'c.yaml:9:28: cluster.controlPlane.endpoint: found "10.0.0.1:6443", expected a URL such as https://10.0.0.1:6443 (parse "10.0.0.1:6443": first path segment in URL cannot contain colon)',
      'c.yaml:9:63: cluster.controlPlane.localAPIServerPort: found .inf, expected a whole number (cannot unmarshal !!float `.inf` into int)',
      'c.yaml:10:33: cluster.extraManifestHeaders.token: found a list, expected text (cannot unmarshal !!seq into string)',
      'c.yaml:11:35: cluster.adminKubeconfig.certLifetime: found 0, expected a duration such as 1h30m (cannot unmarshal !!int `0` into duration)',
    ]);
  });
});

describe('unknown keys', () => {
  test.each([
    ['machine: {kubelt: {}}', 'c.yaml:1:11: machine.kubelt: unknown key; did you mean machine.kubelet?'],
    ['machine: {}\ncluster: {Network: {}}', 'c.yaml:2:11: cluster.Network: unknown key; did you mean cluster.network?'],
    [
      'machine: {ephemeral: {keys: []}}',
      'c.yaml:1:11: machine.ephemeral: unknown key; did you mean machine.systemDiskEncryption.ephemeral?',
    ],
    [
      'machine: {state: {keys: []}}',
      'c.yaml:1:11: machine.state: unknown key; did you mean machine.systemDiskEncryption.state?',
    ],
    ['machine: {}\nnetwork: {interfaces: []}', 'c.yaml:2:1: network: unknown key; did you mean machine.network?'],
    ['machine: {}\nnetwork: {cni: {}}', 'c.yaml:2:1: network: unknown key; did you mean cluster.network?'],
    ['machine: {frobnicate: 1}', 'c.yaml:1:11: machine.frobnicate: unknown key'],
    ['x: &x {}\nmachine: {kubelet: *x}', 'c.yaml:1:1: x: unknown key; define &x where it is first used'],
  ])('%j: %s', (text, message) => {
    expect(problems(text)).toEqual([message]);
    const { notes, config } = load(text, 'note');
    expect(notes.map(formatProblem)).toEqual([message]);
    expect(config.machine).toBeDefined();
  });
});

describe('what guides show and the schema does not', () => {
  test('keySlot is slot', () => {
    const text = 'machine: {systemDiskEncryption: {state: {keys: [{keySlot: 1}]}}}';
    expect(load(text).config.machine?.systemDiskEncryption?.state?.keys).toEqual([{ slot: 1 }]);
    expect(notes(text)).toEqual([
      'c.yaml:1:50: machine.systemDiskEncryption.state.keys[0].keySlot: keySlot is taken as slot; write machine.systemDiskEncryption.state.keys[0].slot',
    ]);
    expect(problems(text.replace('keySlot: 1', 'slot: 1, keySlot: 1'))).toEqual([
      'c.yaml:1:59: machine.systemDiskEncryption.state.keys[0].keySlot: keySlot and slot are both given; remove keySlot',
    ]);
  });

  test('one WireGuard peer stands for a list', () => {
    const text =
      'machine:\n  network:\n    interfaces:\n      - wireguard:\n          peers:\n            publicKey: x\n';
    expect(load(text).config.machine?.network?.interfaces).toEqual([{ wireguard: { peers: [{ publicKey: 'x' }] } }]);
    expect(notes(text)).toEqual([
      'c.yaml:6:13: machine.network.interfaces[0].wireguard.peers: one entry is taken as a list of one; write it as a list entry, with a dash',
    ]);
  });

  test('a mirror beside mirrors', () => {
    const text = "machine:\n  registries:\n    mirrors:\n    '*': {endpoints: [http://a]}\n";
    expect(load(text).config.machine?.registries).toEqual({ mirrors: { '*': { endpoints: ['http://a'] } } });
    expect(notes(text)).toEqual([
      'c.yaml:4:5: machine.registries["*"]: taken as an entry of mirrors; its right place is machine.registries.mirrors["*"]',
    ]);
    expect(problems('machine: {registries: {mirrors: {a: {endpoints: []}}, a: {endpoints: []}}}')).toEqual([
      'c.yaml:1:55: machine.registries.mirrors.a: mapping key "a" already defined',
    ]);
    const before = "machine: {registries: {'*': {endpoints: [http://a]}, mirrors: {b: {endpoints: [http://c]}}}}";
    expect(load(before).config.machine?.registries).toEqual({
      mirrors: { '*': { endpoints: ['http://a'] }, b: { endpoints: ['http://c'] } },
    });
  });
});

describe('bounds', () => {
  const refusal = (text: string) => {
    const started = performance.now();
    const [first = ''] = problems(text);
    expect(performance.now() - started).toBeLessThan(15_000);
    return first.replace(/^c.yaml:\d+:\d+: (?:\S+: )?/, '');
  };

  test('deep, large, and self-multiplying documents are refused', () => {
    const bomb = [
      'machine:',
      '  registries:',
      `    mirrors: {a: &a {endpoints: &e [${'x,'.repeat(1000)}]},`,
      Array.from({ length: 1000 }, (_, index) => `      m${index}: {endpoints: *e}`).join(',\n'),
      '    }',
    ].join('\n');
    expect(refusal(bomb)).toBe('decode error: yaml: document contains excessive aliasing');
    expect(refusal('machine: '.concat('['.repeat(100_000)))).toBe(
      'decode error: yaml: the document is nested too deeply',
    );
    expect(refusal('- '.repeat(100_000))).toBe('decode error: yaml: the document is nested too deeply');
    expect(refusal('x'.repeat(limits.bytes + 1))).toBe(
      `decode error: yaml: the document is larger than ${limits.bytes} bytes`,
    );
    expect(refusal('a: 1\n'.repeat(200_000))).toBe(
      `decode error: yaml: the document has more than ${limits.tokens} tokens`,
    );
    expect(refusal('---\n'.repeat(1000))).toBe(`decode error: yaml: there are more than ${limits.documents} documents`);
  });
});
