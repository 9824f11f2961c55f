import { expect, test } from 'vitest';
import { redactConfig, redactDocument, redactText, secretsOf } from './redact.ts';

const DOCUMENT = `# the token is 123456.0123456789abcdef
machine:
  token: 123456.0123456789abcdef   # join
  ca: {crt: Y3J0, key: c2VjcmV0LWtleQ==}
  systemDiskEncryption:
    state:
      keys:
        - &first {static: {passphrase: 'p w'}, slot: 0}
  network:
    interfaces:
      - wireguard:
          privateKey: >-
            abcdefghijkl
            mnop
          peers: {publicKey: pub}
  registries:
    config:
      "*": {auth: {username: me, password: "hunter2hunter2"}}
cluster:
  extraManifestHeaders: {Token: "12345678"}
  clusterName: mine
`;

test('the secrets of a document are hidden and everything else stays as it was', () => {
  expect(redactDocument(DOCUMENT)).toBe(`# the token is ******
machine:
  token: "******"   # join
  ca: {crt: Y3J0, key: "******"}
  systemDiskEncryption:
    state:
      keys:
        - &first {static: {passphrase: "******"}, slot: 0}
  network:
    interfaces:
      - wireguard:
          privateKey: "******"
          peers: {publicKey: pub}
  registries:
    config:
      "*": {auth: {username: me, password: "******"}}
cluster:
  extraManifestHeaders: {Token: "******"}
  clusterName: mine
`);
});

test('of what is no YAML nothing is shown', () => {
  expect(redactDocument('machine:\n  token: "abc\n\tx')).toBe('# not shown: this is no YAML\n');
});

test('a config and free text are redacted by the same marks', () => {
  const key = Buffer.from('pem key');
  const config = { machine: { token: 'abcdef', ca: { crt: Buffer.from('crt'), key }, type: 'init' } };
  expect(redactConfig(config)).toEqual({
    machine: {
      token: '******',
      ca: { crt: Buffer.from('crt'), key: new TextEncoder().encode('******') },
      type: 'init',
    },
  });
  expect(redactText('found abcdef, cGVtIGtleQ== and init', secretsOf(config))).toBe('found ******, ****** and init');
});
