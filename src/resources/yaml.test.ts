import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { sortKeys, toYaml, type YamlValue } from './yaml.ts';

test('levels stand at multiples of four, texts are plain where they can be', () => {
  const value: YamlValue = [
    {
      apiVersion: 'v1',
      data: { kubeconfig: 'apiVersion: v1\nclusters:\n- name: local', note: 'one\n\ntwo\n' },
      spec: {
        containers: [
          { command: ['/go-runner', '--advertise-address=$(POD_IP)', '--x=a, b'], resources: {}, args: [] },
          { name: 'two', ports: [[1, 2], { port: 53 }] },
        ],
      },
    },
  ];
  expect(toYaml(value)).toBe(`- apiVersion: v1
  data:
    kubeconfig: |-
        apiVersion: v1
        clusters:
        - name: local
    note: |
        one

        two
  spec:
    containers:
        - command:
            - /go-runner
            - --advertise-address=$(POD_IP)
            - --x=a, b
          resources: {}
          args: []
        - name: two
          ports:
            - - 1
              - 2
            - port: 53
`);
});

test('what could be mistaken is quoted: other types doubly, syntax singly', () => {
  const texts = ['', 'true', 'No', '1', '1e3', '0x1f', '1:30', '~', '2026-11-24T02:16:45Z', '05', 'a\tb', ' a\nb'];
  expect(toYaml(texts)).toBe(texts.map(text => `- ${JSON.stringify(text)}\n`).join(''));
  expect(toYaml(['{.running}', "it's: here", '- a', 'a #b', '@x', 'x '])).toBe(
    "- '{.running}'\n- 'it''s: here'\n- '- a'\n- 'a #b'\n- '@x'\n- 'x '\n",
  );
  const plain = ['controlplane', 'https://10.5.0.2:6443', '10.96.0.10', '-a', 'a#b', 'v1.20.6', 'system:nodes'];
  expect(toYaml(plain)).toBe(plain.map(text => `- ${text}\n`).join(''));
});

test('sorted keys compare digits as numbers', () => {
  const value = { b10: 1, b9: 1, B: 1, a: { '10': 1, '9': 1, z: 1 }, _x: 1, 'a-b': 1 };
  expect(toYaml(sortKeys(value))).toBe('_x: 1\nB: 1\na:\n    "9": 1\n    "10": 1\n    z: 1\na-b: 1\nb9: 1\nb10: 1\n');
});

test('whatever is written reads back the same, in YAML 1.1 and 1.2', () => {
  const text = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.string({ unit: fc.constantFrom('a', ' ', '\n', ':', '#', '-', '\t', "'", '"', '1', '{', '\\', 'u', '\u0085') }),
  );
  const value = fc.letrec(tie => ({
    value: fc.oneof(
      { depthSize: 'small' },
      text,
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      tie('list'),
      tie('map'),
    ),
    list: fc.array(tie('value'), { maxLength: 4 }),
    map: fc.dictionary(text, tie('value'), { maxKeys: 4, noNullPrototype: true }),
  })).value;
  fc.assert(
    fc.property(value, written => {
      fc.pre(!JSON.stringify(written).includes('"__proto__"'));
      const yaml = toYaml(written as YamlValue);
      for (const version of ['1.1', '1.2'] as const) {
        expect(parse(yaml, { version, merge: false, uniqueKeys: false })).toEqual(written);
      }
      expect(parse(toYaml(sortKeys(written as YamlValue)), { uniqueKeys: false })).toEqual(written);
    }),
    { numRuns: 1000 },
  );
});
