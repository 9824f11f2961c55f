import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { ApplyConfigurationRequest } from '../gen/machine/machine.ts';
import { TryConfigurationRequest } from '../gen/talosd/v1/talosd.ts';
import { FakeClock } from '../lib/clock.ts';
import { AuditLog, requestDigest } from './audit-log.ts';
import { ServerCall } from './call.ts';
import { METHODS, refusalOf } from './methods.ts';

const APPLY = '/machine.MachineService/ApplyConfiguration';
const TRY = '/talosd.v1.NodeService/TryConfiguration';
const NOTHING = Buffer.alloc(0);

async function open() {
  const folder = await mkdtemp(join(tmpdir(), 'audit-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const clock = new FakeClock();
  const onError = (error: Error) => {
    throw error;
  };
  const audit = new AuditLog({ path: join(folder, 'audit.log'), clock, redactConfig: config => config, onError });
  onTestFinished(() => audit.close());
  const lines = async () => {
    let text = '';
    for await (const chunk of audit.read({ tailLines: -1, follow: false })) text += Buffer.from(chunk).toString();
    return text
      .split('\n')
      .filter(Boolean)
      .map(line => JSON.parse(line) as Record<string, unknown>);
  };
  return { audit, clock, lines };
}

function callOf(path: string): ServerCall {
  const peer = { address: '10.5.0.1', subject: 'O=admin', serial: '0a' };
  const metadata = {};
  const deadline = Number.POSITIVE_INFINITY;
  return new ServerCall({ path, method: METHODS.get(path), authority: 'a', metadata, peer, deadline, startedAt: 0n });
}

test('of what nobody knows twenty lines and a count are kept in ten seconds, of changes every one', async () => {
  const { audit, clock, lines } = await open();
  const [unknown, stop] = ['/no.such.Service/Foo', '/machine.MachineService/ServiceStop'];
  const knock = () => {
    for (let count = 0; count < 30; count++) {
      audit.served(callOf(unknown), NOTHING, refusalOf(unknown), false);
      audit.served(callOf(stop), NOTHING, undefined, false);
    }
  };
  const count = async () => {
    const all = await lines();
    return [unknown, stop].map(method => all.filter(line => line['method'] === method).length);
  };
  knock();
  expect(await count()).toEqual([20, 30]);
  await clock.advance(10_000);
  expect((await lines()).at(-1)).toEqual({
    level: 'warn',
    time: '2026-01-01T00:00:10.000Z',
    event: 'more refused calls',
    count: 10,
  });
  knock();
  expect(await count()).toEqual([40, 60]);
});

test('a digest tells requests apart, but not by their secrets', () => {
  const redact = (config: Uint8Array) =>
    Buffer.from(config)
      .toString()
      .replace(/token: \S+/, 'token: ***');
  const apply = (text: string, immediate = false) =>
    Buffer.from(ApplyConfigurationRequest.encode({ data: Buffer.from(text), onReboot: false, immediate }).finish());
  const digest = (request: Buffer) => requestDigest(APPLY, request, redact);
  expect(digest(apply('token: one\n'))).toMatch(/^sha256:[0-9a-f]{64}$/);
  expect(digest(apply('token: one\n'))).toBe(digest(apply('token: two\n')));
  expect(digest(apply('token: one\n'))).not.toBe(digest(apply('token: one\n', true)));
  expect(digest(apply('token: one\n'))).not.toBe(digest(apply('token: one\ntype: init\n')));

  const attempt = (text: string) =>
    Buffer.from(
      TryConfigurationRequest.encode({ data: Buffer.from(text), timeout: undefined, noRollback: false }).finish(),
    );
  const trial = (text: string) => requestDigest(TRY, attempt(text), redact);
  expect(trial('token: one\n')).toBe(trial('token: two\n'));
  expect(trial('token: one\n')).not.toBe(trial('token: one\ntype: init\n'));

  const request = Buffer.from('0a0461706964', 'hex');
  const plain = createHash('sha256').update(request).digest('hex');
  expect(requestDigest('/machine.MachineService/ServiceStop', request, redact)).toBe(`sha256:${plain}`);
});

test('of a config that cannot be read there is no digest: its secrets could not be left out', () => {
  const unreadable = () => {
    throw new Error('not a config');
  };
  const request = ApplyConfigurationRequest.encode({ data: Buffer.from('{'), onReboot: false, immediate: true });
  expect(requestDigest(APPLY, Buffer.from(request.finish()), unreadable)).toBeUndefined();
  expect(requestDigest(APPLY, Buffer.from('ff', 'hex'), text => text)).toBeUndefined();
});
