import { beforeAll, expect, test } from 'vitest';
import { createCa, validFor } from '../pki/ca.ts';
import { EMPTY_ORGANIZATION } from '../pki/name.ts';
import type { PemPair } from '../pki/pem.ts';
import { authorityProblem } from './check-authority.ts';
import { loadUserConfig } from './load-user-config.ts';

let ca: PemPair;
let other: PemPair;
beforeAll(async () => {
  const create = () => createCa({ algorithm: 'ed25519', subject: EMPTY_ORGANIZATION, validity: validFor(0, 1) });
  [ca, other] = await Promise.all([create(), create()]);
});

const none = Buffer.alloc(0);
const said = (crt: Uint8Array, key: Uint8Array) => authorityProblem({ machine: { ca: { crt, key } } });
const why = (path: string, reason: string) => ({
  path,
  message: `the node could not serve its API with this authority: ${reason}`,
});

test('authorities with which a node can serve: a pair, a certificate alone, none', () => {
  expect([said(ca.crt, ca.key), said(ca.crt, none), said(none, none)]).toEqual([undefined, undefined, undefined]);
  expect(authorityProblem({ machine: { type: 'worker' } })).toBeUndefined();
});

test('halves that do not read, do not match or are missing', () => {
  expect(said(Buffer.from('ABC'), ca.key)).toEqual(why('machine.ca.crt', 'failed to parse PEM block'));
  expect(said(ca.key, none)).toEqual(why('machine.ca.crt', 'unsupported PEM block: ED25519 PRIVATE KEY'));
  expect(said(ca.crt, ca.crt)?.path).toBe('machine.ca.key');
  expect(said(ca.crt, other.key)).toEqual(
    why('machine.ca.key', 'the private key of the certificate authority does not belong to its certificate'),
  );
  expect(said(none, ca.key)).toEqual(why('machine.ca.crt', 'the certificate is missing'));
});

test('a node refuses such a config, with the place', () => {
  const text = `machine:\n  ca: {crt: QUJD, key: QUJD}\ncluster: {controlPlane: {endpoint: "https://h"}}\n`;
  expect(() => loadUserConfig(Buffer.from(text), { mode: 'cloud', diskExists: () => true })).toThrow(
    'failed to validate config: 1 error occurred:\n\t* the node could not serve its API with this authority: ' +
      'failed to parse PEM block (config.yaml:2:13: machine.ca.crt)\n\n',
  );
});
