import { expect, test } from 'vitest';
import { EMPTY_TALOSCONFIG, mergeTalosconfig, parseTalosconfig, renderTalosconfig } from './talosconfig.ts';

const pem = (text: string) => Buffer.from(text);
const context = { endpoints: ['127.0.0.1'], nodes: [], ca: pem('ca'), crt: pem('crt'), key: pem('key') };
const config = { context: 'c1', contexts: new Map([['c1', context]]) };

test('a talosconfig is written as the client writes it and reads back the same', () => {
  const text = renderTalosconfig(config);
  expect(text).toBe(
    'context: c1\ncontexts:\n    c1:\n        endpoints:\n            - 127.0.0.1\n        ca: Y2E=\n        crt: Y3J0\n        key: a2V5\n',
  );
  expect(parseTalosconfig(text)).toEqual(config);
  expect(renderTalosconfig(EMPTY_TALOSCONFIG)).toBe('context: ""\ncontexts: {}\n');
  expect(parseTalosconfig(renderTalosconfig(EMPTY_TALOSCONFIG))).toEqual(EMPTY_TALOSCONFIG);
});

test('a legacy target joins the endpoints', () => {
  const { contexts } = parseTalosconfig('context: a\ncontexts: {a: {target: 1.2.3.4, ca: Y2E=, endpoints: [5.6.7.8]}}');
  expect(contexts.get('a')?.endpoints).toEqual(['5.6.7.8', '1.2.3.4']);
});

test('merging renames what clashes and switches to it', () => {
  const once = mergeTalosconfig(config, config);
  expect([once.config.context, [...once.config.contexts.keys()]]).toEqual(['c1-1', ['c1', 'c1-1']]);
  const twice = mergeTalosconfig(once.config, config);
  expect([twice.config.context, [...twice.renames]]).toEqual(['c1-2', [['c1', 'c1-2']]]);
});

test('what is malformed is named without showing it', () => {
  expect(() => parseTalosconfig('contexts: {a: {key: "no base64!"}}')).toThrow(
    'talosconfig: context "a": key: expected base64',
  );
});
