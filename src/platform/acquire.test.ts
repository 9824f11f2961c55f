import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, onTestFinished, test } from 'vitest';
import { type Answer, HastyClock, keepingLogger, startHttpServer } from '../../test/support/http-server.ts';
import { decodeConfig } from '../config/decode.ts';
import { FakeClock } from '../lib/clock.ts';
import { errorMessage } from '../lib/errors.ts';
import { httpFetch } from '../system/http.ts';
import { acquireConfig } from './acquire.ts';
import { awsPlatform } from './aws.ts';
import { Downloader } from './download.ts';
import { localPlatform } from './local.ts';
import { type ConfigParser, StoredConfig } from './stored-config.ts';

const CONFIG = 'version: v1alpha1\npersist: true\nmachine:\n  type: worker\n';
const parse: ConfigParser = (bytes, file) => ({
  config: decodeConfig(bytes, { file, unknownKeys: 'note' }).config,
  bytes,
});

/** An instance of aws with an empty disk, whose metadata service answers this. */
async function setUp(answers: Record<string, Answer | Answer[]>) {
  const server = await startHttpServer(answers);
  const stateFolder = await mkdtemp(join(tmpdir(), 'acquire-'));
  onTestFinished(() => Promise.all([server.close(), rm(stateFolder, { recursive: true })]).then(() => {}));
  const log = keepingLogger();
  const clock = new HastyClock();
  const stored = new StoredConfig({ stateFolder, parse, log });
  const platform = awsPlatform('aws', new Downloader({ http: httpFetch({}), clock, random: () => 0 }), server.url);
  const taskLog = (line: string) => void log.lines.push(line);
  const signal = new AbortController().signal;
  const acquire = () => acquireConfig({ platform, stored, parse, taskLog, log, signal, clock });
  return { acquire, stored, log, clock, url: `${server.url}/latest/user-data` };
}

test('what the platform has is inflated, parsed and, once stored, not asked for again', async () => {
  const { acquire, stored, log, url } = await setUp({ '/latest/user-data': gzipSync(CONFIG) });
  const loaded = await acquire();
  expect([Buffer.from(loaded?.bytes ?? []).toString(), loaded?.config.machine?.type]).toEqual([CONFIG, 'worker']);
  await stored.save(loaded!.bytes);
  await acquire();
  expect(log.lines).toEqual([
    'downloading config',
    `fetching machine config from: "${url}"`,
    'storing config in memory',
    'persistence is enabled, using existing config on disk',
  ]);
});

test('a config that is not to be kept is fetched anew, also where the stored one would do', async () => {
  const fresh = CONFIG.replace('true', 'false');
  const { acquire, stored, log } = await setUp({ '/latest/user-data': fresh });
  await stored.save(Buffer.from(CONFIG.replace('true', 'false').replace('worker', 'join')));
  expect((await acquire())?.config.machine?.type).toBe('worker');
  expect(log.lines[0]).toBe('found existing config, but persistence is disabled, downloading config');
});

test('no config means a person, also when the service came late; a service that stays broken fails after 70 seconds', async () => {
  expect(await (await setUp({ '/latest/user-data': [{ status: 503 }, { status: 404 }] })).acquire()).toBeUndefined();
  const { acquire, clock, url } = await setUp({ '/latest/user-data': { status: 503 } });
  const started = new FakeClock().now();
  await expect(acquire()).rejects.toThrow(
    `failed to download config from "${url}": failed to download config, received 503`,
  );
  expect(clock.now() - started).toBeGreaterThanOrEqual(70_000);
});

test('a platform that hangs, whatever it is told, ends with its time', async () => {
  const { stored, log } = await setUp({});
  const clock = new FakeClock();
  const asked = Promise.withResolvers<void>();
  const configuration = () => {
    asked.resolve();
    return new Promise<never>(() => {});
  };
  const platform = localPlatform({ configuration, listenAddress: '127.0.0.1' });
  const options = { platform, stored, parse, taskLog: () => {}, log, signal: new AbortController().signal, clock };
  let end = 'waits';
  const acquired = acquireConfig(options).catch(error => {
    end = errorMessage(error);
  });
  await asked.promise;
  await clock.advance(74_999);
  expect(end).toBe('waits');
  await clock.advance(1);
  await acquired;
  expect(end).toBe('no config after 70s');
});

test('what the platform brings and nobody can read is said with its places', async () => {
  const { acquire } = await setUp({ '/latest/user-data': 'machine:\n  type: 7\n  files: none\n' });
  await expect(acquire()).rejects.toThrow(/^failed to parse config: aws config:3:10: machine\.files: /);
});

test('a torn archive is named', async () => {
  const { acquire } = await setUp({ '/latest/user-data': gzipSync(CONFIG).subarray(0, 30) });
  await expect(acquire()).rejects.toThrow('error unzipping machine config: unexpected end of file');
});
