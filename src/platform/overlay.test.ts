import { expect, test } from 'vitest';
import { keepingLogger } from '../../test/support/http-server.ts';
import { FakeClock } from '../lib/clock.ts';
import { TalosdError } from '../lib/errors.ts';
import { acquireOverlay } from './overlay.ts';
import type { Platform, PlatformContext } from './platform.ts';

const silence = ({ signal }: PlatformContext) =>
  new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));

function setUp(answers: Partial<Platform>) {
  const platform: Platform = {
    name: 'aws',
    mode: 'cloud',
    configuration: silence,
    hostname: async () => 'name',
    externalAddresses: async () => ['203.0.113.7'],
    ...answers,
  };
  const [abort, clock, log] = [new AbortController(), new FakeClock(), keepingLogger()];
  return { abort, clock, log, overlay: acquireOverlay(platform, { signal: abort.signal, log }, clock) };
}

test('a machine has its name and addresses from its platform, which has half a minute', async () => {
  expect(await setUp({}).overlay).toEqual({ hostname: 'name', externalAddresses: ['203.0.113.7'] });
  const { clock, log, overlay } = setUp({ externalAddresses: silence });
  await clock.advance(30_000);
  expect(await overlay).toEqual({ hostname: 'name', externalAddresses: [] });
  expect(log.lines).toEqual([
    'certificates will be created without external IPs: the aws platform did not answer in 30s',
  ]);
});

test('without its name, or when something else takes over, there is no overlay', async () => {
  const nameless = setUp({ hostname: silence });
  const refused = expect(nameless.overlay).rejects.toThrow('the aws platform did not answer in 30s');
  await nameless.clock.advance(30_000);
  await refused;
  const { abort, log, overlay } = setUp({ externalAddresses: silence });
  const reason = new TalosdError('canceled', 'context canceled');
  const canceled = expect(overlay).rejects.toBe(reason);
  await new Promise(resolve => setImmediate(resolve));
  abort.abort(reason);
  await canceled;
  expect(log.lines).toEqual([]);
});
