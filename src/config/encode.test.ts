import fc from 'fast-check';
import { expect, test } from 'vitest';
import { changedPaths } from './changes.ts';
import { decodeConfig } from './decode.ts';
import { encodeConfig } from './encode.ts';
import { type MachineConfig, machineConfig } from './schema/config.ts';
import type { Type } from './schema/types.ts';

const decode = (text: string) => decodeConfig(Buffer.from(text), { file: 'test.yaml', unknownKeys: 'refuse' });

const hardText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.string({
    unit: fc.constantFrom('\n', '\t', ' ', '#', ':', '-', 'a', '"', "'", '|', '\r', '\u0085', '\u2028'),
    maxLength: 8,
  }),
  fc.constantFrom(
    'yes',
    'No',
    '010',
    '0x1',
    '1.50',
    '~',
    '',
    'null',
    '1_0',
    '12:30:45',
    '2021-01-01',
    '<<',
    '=',
    '- a',
    '? b',
    '%x',
    '@a',
    '`b',
    '*a',
    '&a',
    '!t',
    '---',
    '...',
    'a: b',
    'a #b',
    'a:',
    '{',
    '[',
    '.inf',
  ),
);

/** Any value of a type, by the same descriptors that decode and encode read. */
function anyOf(type: Type): fc.Arbitrary<unknown> {
  switch (type.kind) {
    case 'string':
      return hardText;
    case 'bool':
      return fc.boolean();
    case 'int':
      return fc.integer({ min: Math.max(type.min, -1000), max: Math.min(type.max, 70_000) });
    case 'fileMode':
      return fc.integer({ min: 0, max: 0xffff_ffff });
    case 'duration':
      return fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n });
    case 'size':
      return fc.oneof(
        fc.bigInt({ min: 0n, max: 2n ** 52n }),
        fc.integer({ min: 0, max: 12_000 }).map(count => BigInt(count) * 100_000_000n),
      );
    case 'bytes':
      return fc.uint8Array({ maxLength: 12 }).map(bytes => Uint8Array.from(bytes));
    case 'url':
      return fc.constantFrom('https://10.0.0.1:6443', 'https://[::1]:6443/a%20b?x=1#f', 'foo', '');
    case 'list':
      return fc.array(anyOf(type.item), { maxLength: 2 });
    case 'map':
      return fc.dictionary(hardText, anyOf(type.value), { maxKeys: 2 });
    case 'object':
      return fc.record(
        Object.fromEntries(Object.entries(type.fields).map(([key, field]) => [key, anyOf(field.type)])),
        { requiredKeys: [] },
      );
  }
}

const anyConfig = anyOf(machineConfig).map(config => ({ machine: {}, ...(config as MachineConfig) }));

test('whatever is written reads back the same, with and without comments, and is written the same again', () => {
  fc.assert(
    fc.property(anyConfig, fc.boolean(), (config, comments) => {
      const text = encodeConfig(config, { comments });
      const { config: back, notes } = decode(text);
      expect(changedPaths(config, back)).toEqual([]);
      expect(notes).toEqual([]);
      expect(encodeConfig(back, { comments })).toBe(text);
    }),
    { numRuns: 150 },
  );
});

test('the layout: four spaces, comments, examples of what is absent, zero values only where they are always written', () => {
  const config: MachineConfig = {
    version: 'v1alpha1',
    machine: {
      type: 'controlplane',
      kubelet: {},
      registries: {},
      ca: { crt: Buffer.from('crt') },
      files: [{ content: 'a\n  b\n', permissions: 0o644, path: '/var/a', op: 'create' }, { content: '\n x' }],
      disks: [{ device: '/dev/sdb', partitions: [{ size: 100_000_000n }, {}] }],
      sysctls: { b: '1', a: 'x y' },
    },
    cluster: { adminKubeconfig: { certLifetime: 5_400_000_000_000n }, apiServer: {} },
  };
  expect(encodeConfig(config, { comments: false })).toBe(`version: v1alpha1
debug: false
persist: false
machine:
    type: controlplane
    ca:
        crt: Y3J0
        key: ""
    kubelet: {}
    disks:
        - device: /dev/sdb
          partitions:
              - size: 100 MB
              - {}
    files:
        - content: |
              a
                b
          permissions: 0o644
          path: /var/a
          op: create
        - content: "\\n x"
          permissions: 0o0
          path: ""
          op: ""
    sysctls:
        a: x y
        b: "1"
cluster:
    apiServer: {}
    adminKubeconfig:
        certLifetime: 1h30m0s
`);
  const commented = encodeConfig({ machine: { token: 'abc.def', time: { servers: ['a'] } } });
  expect(commented).toContain('    # Where the clock takes its time from.\n    time:\n');
  expect(commented).toContain('    token: abc.def # The secret with which nodes join.\n');
  expect(commented).toContain('    # # Kernel parameters.\n    # sysctls:\n    #     net.ipv4.ip_forward: "0"\n');
});

test('secrets can be hidden', () => {
  const config = { machine: { token: 'abc.def', ca: { crt: Buffer.from('c'), key: Buffer.from('k') } } };
  const text = encodeConfig(config, { comments: false, redact: true });
  expect(text).toContain('token: "******"');
  expect(text).toContain('key: "******"');
});
