// The real apid over a store with many resources of one type.
import { AuditLog } from '../../src/apid/audit-log.ts';
import { resourceHandlers } from '../../src/apid/handlers/resources.ts';
import { ApiServer } from '../../src/apid/server.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLogger } from '../../src/lib/logger.ts';
import { registerAll } from '../../src/resources/register.ts';
import { Services } from '../../src/resources/runtime/service.ts';
import { Store } from '../../src/runtime/store.ts';

/** What the parent sends first. */
export interface ManyResourcesInput {
  readonly host: string;
  readonly identity: { readonly ca: string; readonly crt: string; readonly key: string };
  readonly count: number;
  readonly auditFile: string;
}

process.once('message', async ({ host, identity, count, auditFile }: ManyResourcesInput) => {
  const store = new Store();
  const registry = registerAll(store);
  for (let index = 0; index < count; index++) store.put(Services, `service-${index}`, { running: true, healthy: true });
  const { ca, crt, key } = identity;
  const fail = (error: Error) => {
    throw error;
  };
  const certificate = { ca: Buffer.from(ca), crt: Buffer.from(crt), key, fingerprint: '', notBefore: 0, notAfter: 0 };
  const server = new ApiServer({
    listen: { host, port: 50_000 },
    certificates: { current: certificate, onChange: () => () => {} },
    handlers: { resource: resourceHandlers({ store, registry }) },
    isSelf: target => target === host,
    access: { apid: silentLogger, routerd: silentLogger, backend: () => silentLogger },
    audit: new AuditLog({ path: auditFile, clock: systemClock, redactConfig: config => config, onError: fail }),
    log: silentLogger,
    clock: systemClock,
  });
  await server.start();
  process.send!('listening');
});
