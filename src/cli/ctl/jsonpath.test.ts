import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TalosdError } from '../../lib/errors.ts';
import { compileJsonPath } from './jsonpath.ts';

const pod = {
  name: 'etcd',
  ready: false,
  count: 3n,
  nothing: null,
  'odd key': 'x',
  labels: { b: 1, a: 'y' },
  conditions: [
    { type: 'Ready', status: 'True', n: 1 },
    { type: 'Initialized', status: 'False', n: 2 },
  ],
};

describe('JSONPath of print columns', () => {
  test.each([
    ['{.name}', 'etcd'],
    ['{.ready}', 'false'],
    ['{.count}', '3'],
    ['{.nothing}', ''],
    ['{.missing}', ''],
    ['{.missing.deeper[0]}', ''],
    ['{.name.deeper}', ''],
    ['{$.name}', 'etcd'],
    ["{['odd key']}", 'x'],
    ['{.labels}', '{"a":"y","b":1}'],
    ['{.conditions[0].type}', 'Ready'],
    ['{.conditions[-1].type}', 'Initialized'],
    ['{.conditions[7].type}', ''],
    ['{.conditions[*].status}', 'True False'],
    ['{.conditions[?(@.type=="Ready")].status}', 'True'],
    ['{.conditions[?(@.type != "Ready")].status}', 'False'],
    ["{.conditions[?(@.type=='No]pe')].status}", ''],
    ['{.conditions[?(@.n==2)].type}', 'Initialized'],
    ['{.conditions[?(@.n)].type}', 'Ready Initialized'],
    ['is {.name} ready: {.ready}!', 'is etcd ready: false!'],
    ['plain', 'plain'],
  ])('%s', (path, text) => {
    expect(compileJsonPath(path)(pod)).toBe(text);
  });

  test('the value itself', () => {
    expect(compileJsonPath('{@}')('controlplane')).toBe('controlplane');
  });

  test('anything else is refused with a typed error, whatever it is', () => {
    for (const path of ['{', '{.a', '{a}', '{.a[}', '{.a[1:2]}', '{.a[?(@.b=~1)]}', '{..a}']) {
      expect(() => compileJsonPath(path)).toThrow(`unsupported JSONPath ${JSON.stringify(path)}`);
    }
    const letters = fc.string({ unit: fc.constantFrom(...'{}[].@$?()=!*"\'ab1 -') });
    fc.assert(
      fc.property(letters, fc.jsonValue(), (path, value) => {
        try {
          expect(typeof compileJsonPath(path)(value)).toBe('string');
        } catch (error) {
          expect(error).toBeInstanceOf(TalosdError);
        }
      }),
    );
  });
});
