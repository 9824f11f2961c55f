import { describe, expect, test } from 'vitest';
import { parseTalosconfig } from '../../config/talosconfig.ts';
import { selectTarget, talosconfigPath } from './target.ts';

const PEM = Buffer.from('pem').toString('base64');
const credentials = `        ca: ${PEM}\n        crt: ${PEM}\n        key: ${PEM}\n`;
const config = parseTalosconfig(
  `context: one\ncontexts:\n    one:\n        endpoints: [10.5.0.2]\n${credentials}` +
    `    three:\n        endpoints: [10.5.0.2, cp.example.org, "fd00::3"]\n        nodes: [10.5.0.9]\n${credentials}` +
    `    none:\n${credentials}    bare:\n        endpoints: [10.5.0.2]\n`,
);
const none = { nodes: [], endpoints: [] };
const chosen = (flags: Partial<Parameters<typeof selectTarget>[2]>) => {
  const { endpoints, nodes } = selectTarget(config, 'tc', { ...none, ...flags });
  return { endpoints, nodes };
};

describe('whom a command talks to', () => {
  test('the first talosconfig of flag, environment, working directory and home', () => {
    const env = { TALOSCONFIG: 'mine', HOME: '/home/u' };
    const path = (flag: string | undefined, io: { env: Record<string, string> }, exists = false) =>
      talosconfigPath(flag, { cwd: '/w', ...io }, () => exists);
    expect([
      path('given', { env }),
      path(undefined, { env }),
      path(undefined, { env: { HOME: '/home/u' } }, true),
      path(undefined, { env: { HOME: '/home/u' } }),
    ]).toEqual(['/w/given', '/w/mine', '/w/.node/talosconfig', '/home/u/.talos/config']);
  });

  test('context first, flags above it', () => {
    expect(chosen({})).toEqual({ endpoints: ['10.5.0.2'], nodes: [] });
    expect(chosen({ context: 'three' })).toEqual({
      endpoints: ['10.5.0.2', 'cp.example.org', 'fd00::3'],
      nodes: ['10.5.0.9'],
    });
    expect(chosen({ context: 'three', endpoints: ['1.1.1.1'], nodes: ['a', 'b'] })).toEqual({
      endpoints: ['1.1.1.1'],
      nodes: ['a', 'b'],
    });
  });

  test.each([
    [{ context: 'x' }, 'context "x" is not defined in tc (it has "one", "three", "none", "bare")'],
    [{ context: 'none' }, 'context "none" has no endpoints: name one with --endpoints'],
    [{ context: 'bare' }, 'context "bare" in tc has no ca'],
    [
      { endpoints: ['a', 'b'] },
      'nodes are not set for the command: there are several endpoints, so name the nodes with --nodes',
    ],
    [{ endpoints: ['1.2.3.4:50000'] }, 'invalid endpoint "1.2.3.4:50000": give an address or a name, without a port'],
    [{ endpoints: ['unix:/run/x'] }, 'invalid endpoint "unix:/run/x": give an address or a name, without a port'],
  ])('%j is refused', (flags, message) => {
    expect(() => chosen(flags)).toThrow(message);
  });
});
