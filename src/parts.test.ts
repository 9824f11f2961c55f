import { expect, test } from 'vitest';
import { certificateNames } from './parts.ts';
import { createCa, validFor } from './pki/ca.ts';
import { parseCertificate } from './pki/certificate.ts';

const machine = { hostnames: ['n', 'n'], domain: '', addresses: ['10.0.0.1'], overlay: ['10.0.0.9'] };
const named = (certSANs: string[], more: Partial<typeof machine> = {}) =>
  certificateNames({ machine: { certSANs } }, { ...machine, ...more });

test('a node is called by its own names and addresses, those of its platform and those of its config', () => {
  expect(named(['a.b', '10.0.0.1', 'fd00::1', '*.c'], { domain: 'lan' })).toEqual({
    dnsNames: ['n', 'n.lan', 'a.b', '*.c'],
    ips: ['10.0.0.1', '10.0.0.9', 'fd00::1'],
  });
});

test('what no certificate can carry is left out', () => {
  const odd = ['', 'a b', 'ö.x', 'a\nb', 'x'.repeat(254)];
  expect(named([...odd, 'good'])).toEqual({ dnsNames: ['n', 'good'], ips: machine.addresses.concat('10.0.0.9') });
  expect(named([], { hostnames: ['ö'] }).dnsNames).toEqual([]);
});

test('there is an end to names, so that peers still take the certificate', async () => {
  const names = Array.from({ length: 3000 }, (_, index) => `${index}.${'long'.repeat(60)}`);
  const ips = Array.from({ length: 3000 }, (_, index) => `10.1.${index >> 8}.${index & 255}`);
  const subjectNames = named([...names, ...ips]);
  expect([subjectNames.dnsNames[0], subjectNames.ips[0]]).toEqual(['n', '10.0.0.1']);
  const { crt } = await createCa({
    algorithm: 'ed25519',
    subject: { organizations: ['x'] },
    validity: validFor(0, 1),
    ...subjectNames,
  });
  expect(crt.length).toBeLessThan(100_000);
  expect(parseCertificate(crt)).toMatchObject(subjectNames);
});
