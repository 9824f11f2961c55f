import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { encodeConfig } from '../config/encode.ts';
import { loadUserConfig } from '../config/load-user-config.ts';
import { errorMessage } from '../lib/errors.ts';
import { CertificateAuthority, createCa, validFor } from '../pki/ca.ts';
import { tlsPrivateKey } from '../pki/keys.ts';
import { Store } from '../runtime/store.ts';
import { httpFetch } from '../system/http.ts';
import { TrustedAuthorities } from '../system/trust.ts';
import { publishConfig } from './current-config.ts';
import { nodeActions, type TaskDomains } from './tasks.ts';

const HOST = '127.0.0.1';
const signal = new AbortController().signal;

/** An https server under an authority that nobody knows. */
async function corporateServer() {
  const now = Date.now();
  const pair = await createCa({
    algorithm: 'ecdsa',
    subject: { organizations: ['corporate'] },
    validity: validFor(now, 2, 1),
  });
  const leaf = await new CertificateAuthority(pair).issue({
    ...{ subject: { organizations: ['server'] }, dnsNames: [], ips: [HOST], validity: validFor(now, 1, 1) },
  });
  const options = { cert: leaf.crt, key: tlsPrivateKey(leaf.key) };
  const server = createServer(options, (_, response) => void response.end('hello'));
  server.listen(0, HOST);
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `https://${HOST}:${(server.address() as AddressInfo).port}/`;
  const ask = () =>
    httpFetch({})({ url, signal }).then(
      ({ body }) => body.toString(),
      error => errorMessage(error).replace(/^.*": /, ''),
    );
  return { crt: pair.crt.toString(), ask };
}

/** What the task `writeUserFiles` of a node with this config does to the agent's own clients. */
function startOf(machine: object, authorities: TrustedAuthorities): Promise<unknown> {
  const store = new Store();
  const document = encodeConfig({
    machine: { type: 'controlplane', token: 't', ...machine },
    cluster: { controlPlane: { endpoint: 'https://a:6443' } },
  });
  publishConfig(store, loadUserConfig(Buffer.from(document), { mode: 'container', diskExists: () => true }));
  const domains: Partial<TaskDomains> = { store, authorities, files: { write: async () => {} } };
  const paths = { isIdentity: false, toHost: (path: string) => path };
  const actions = nodeActions({ ...domains, paths } as TaskDomains);
  return actions.writeUserFiles!({ signal, log: () => {}, waitingFor: () => {} });
}

test("an authority appended to the system's bundle is one that the agent trusts, until a life without it begins", async () => {
  const { crt, ask } = await corporateServer();
  const bundle = {
    content: `# ours\n${crt}`,
    permissions: 0o644,
    path: '/etc/ssl/certs/ca-certificates',
    op: 'append',
  };
  const stranger = 'x509: certificate signed by unknown authority';
  expect(await ask()).toBe(stranger);

  const first = new TrustedAuthorities();
  await startOf({ files: [bundle] }, first);
  expect(await ask()).toBe('hello');
  // The same life without the entry, and again with it.
  await startOf({}, first);
  expect(await ask()).toBe(stranger);
  await startOf({ files: [bundle] }, first);
  expect(await ask()).toBe('hello');

  // The agent starts anew in place: what the life before trusted goes with it.
  first.release();
  expect(await ask()).toBe(stranger);
  const second = new TrustedAuthorities();
  await startOf({}, second);
  expect(await ask()).toBe(stranger);
  second.release();
});
