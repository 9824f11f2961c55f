import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeConfig } from './decode.ts';
import { ConfigError } from './problem.ts';
import { validateConfig } from './validate.ts';

const VALID = `version: v1alpha1
debug: false
persist: true
machine:
  type: controlplane
  token: 328hom.uqjzh6jnn2eie9oi
  ca: {crt: Q1JU, key: S0VZ}
  certSANs: &sans [10.0.0.1, node.example.com]
  kubelet:
    extraArgs: {v: 4}
    extraMounts:
      - {destination: /a, type: bind, source: /a, options: [rw]}
  network:
    hostname: a
    interfaces:
      - interface: eth0
        cidr: 10.0.0.2/24
        routes: [{network: 0.0.0.0/0, gateway: 10.0.0.1, metric: 10}]
        vlans: [{vlanId: 5, dhcp: true}]
        bond: {mode: 802.3ad, interfaces: [eth1, eth2], miimon: 100}
        wireguard: {privateKey: x, peers: [{endpoint: "10.0.0.1:1", persistentKeepaliveInterval: 10s}]}
  disks:
    - device: /dev/sdb
      partitions: [{size: 100 MB, mountpoint: /var/a}, {mountpoint: /var/b}]
  install: {disk: /dev/sda, wipe: no}
  files:
    - content: |
        text
      permissions: 0o644
      path: /var/x
      op: create
  sysctls: {net.ipv4.ip_forward: "1"}
  registries:
    mirrors: {docker.io: {endpoints: [http://a]}}
  systemDiskEncryption:
    ephemeral: {provider: luks2, keys: [{nodeID: {}, slot: 0}]}
cluster:
  controlPlane: {endpoint: https://10.0.0.1:6443}
  network: {dnsDomain: cluster.local, podSubnets: [10.244.0.0/16]}
  apiServer: {certSANs: *sans}
  adminKubeconfig: {certLifetime: 1h}
`;

/** What a document does: it loads and is judged, or is refused with places. Anything else fails the test. */
function judge(bytes: Uint8Array): 'good' | 'bad' | 'refused' {
  try {
    const { config, positions } = decodeConfig(bytes, { file: 'c.yaml', unknownKeys: 'refuse' });
    const { problems } = validateConfig(config, { mode: 'metal', diskExists: () => true, positions });
    for (const { line, column } of problems) expect(line >= 1 && column >= 1).toBe(true);
    return problems.length === 0 ? 'good' : 'bad';
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    expect(error.problems.length).toBeGreaterThan(0);
    for (const { line, column } of error.problems) expect(line >= 1 && column >= 1).toBe(true);
    return 'refused';
  }
}

test('the valid document is good', () => {
  expect(judge(Buffer.from(VALID))).toBe('good');
});

test('mutations of a valid document are accepted or refused with a place', () => {
  const snippet = fc.oneof(
    fc.constantFrom(
      '~',
      '[]',
      '{}',
      '- ',
      ': ',
      '\n',
      '\t',
      '  ',
      '"',
      "'",
      '|',
      '>',
      '&a ',
      '*a',
      '*sans',
      '<<: ',
      '---\n',
      '...',
    ),
    fc.constantFrom(
      '!!int ',
      '!!binary ',
      '!x ',
      '0x',
      '1e999',
      '.nan',
      '__proto__: ',
      'constructor: ',
      '# ',
      '? ',
      '%YAML 1.1\n',
      '\u0000',
    ),
    fc.string({ maxLength: 8 }),
  );
  const mutation = fc.tuple(fc.nat(VALID.length), fc.nat(20), snippet);
  fc.assert(
    fc.property(fc.array(mutation, { minLength: 1, maxLength: 4 }), mutations => {
      const text = mutations.reduce((old, [at, drop, put]) => old.slice(0, at) + put + old.slice(at + drop), VALID);
      judge(Buffer.from(text));
    }),
    { numRuns: 1000 },
  );
});

test('any bytes are refused with a place', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), bytes => void judge(bytes)),
    { numRuns: 300 },
  );
});

test('a config of usual size loads in well under 20 ms once warm', () => {
  const bytes = Buffer.from(VALID);
  for (let round = 0; round < 50; round++) judge(bytes);
  const times = Array.from({ length: 20 }, () => {
    const started = performance.now();
    judge(bytes);
    return performance.now() - started;
  }).sort((left, right) => left - right);
  expect(times[10]).toBeLessThan(20);
});
