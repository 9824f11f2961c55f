import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { type Answer, HastyClock, keepingLogger, startHttpServer } from '../../test/support/http-server.ts';
import { FakeClock } from '../lib/clock.ts';
import { TalosdError } from '../lib/errors.ts';
import { httpFetch } from '../system/http.ts';
import { Downloader } from './download.ts';

const signal = new AbortController().signal;

async function setUp(answers: Record<string, Answer | Answer[]>) {
  const server = await startHttpServer(answers);
  onTestFinished(() => server.close());
  const clock = new HastyClock();
  const log = keepingLogger();
  const waits: (string | undefined)[] = [];
  const downloader = new Downloader({ http: httpFetch({}), clock, random: () => 0.5 });
  const context = { signal, log, waitingFor: (reason: string | undefined) => void waits.push(reason) };
  return { server, clock, log, waits, downloader, context, url: `${server.url}/c` };
}

test('tries again with growing waits until status 200, says each reason once and what it waits for', async () => {
  const answers = [{ status: 503 }, { status: 503 }, { status: 404 }, { status: 503 }, 'machine: {}'];
  const { clock, log, waits, downloader, context, url } = await setUp({ '/c': answers });
  expect((await downloader.download(url, context))?.toString()).toBe('machine: {}');
  expect(clock.waits).toEqual([500, 1000, 2000, 4000]);
  expect(log.lines).toEqual([
    'retrying error: failed to download config, received 503',
    'retrying error: failed to download config, received 404',
  ]);
  const wait = `the config from "${url}": failed to download config, received`;
  expect(waits).toEqual([`${wait} 503`, `${wait} 503`, `${wait} 404`, `${wait} 503`, undefined]);
});

test('gives up after three minutes with the last reason', async () => {
  const { clock, downloader, context, url } = await setUp({ '/c': { status: 500 } });
  await expect(downloader.download(url, context)).rejects.toThrow(
    `failed to download config from "${url}": failed to download config, received 500`,
  );
  expect(clock.waits).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 32_000, 64_000]);
});

test('the last answer decides that there is no config, whatever came before', async () => {
  const answers = { '/none': [{ status: 500 }, { status: 404 }], '/empty': [{ status: 404 }, ''], '/c': '' };
  const { server, downloader, context, url } = await setUp(answers);
  expect(await downloader.download(`${server.url}/none`, context, { mayBeAbsent: true })).toBeUndefined();
  expect(await downloader.download(`${server.url}/empty`, context, { mayBeAbsent: true })).toBeUndefined();
  expect(await downloader.download(url, context)).toEqual(Buffer.alloc(0));
});

test('a deadline ends it with the last reason, a takeover with its own', async () => {
  const { clock, downloader, context, url } = await setUp({ '/c': { status: 502 } });
  const late = new AbortController();
  clock.after(70_000, () => late.abort(new TalosdError('deadline_exceeded', 'no config after 70s')));
  await expect(downloader.download(url, { ...context, signal: late.signal })).rejects.toThrow(
    `failed to download config from "${url}": failed to download config, received 502`,
  );
  const taken = new AbortController();
  const reason = new TalosdError('canceled', 'context canceled');
  clock.after(5_000, () => taken.abort(reason));
  await expect(downloader.download(url, { ...context, signal: taken.signal })).rejects.toBe(reason);
});

test('a server that is silent is given up after half a minute and asked again', async () => {
  let count = 0;
  const server = await startHttpServer({}, (_, response) => void (++count > 1 && response.end('late')));
  onTestFinished(() => server.close());
  const clock = new FakeClock();
  const log = keepingLogger();
  const downloader = new Downloader({ http: httpFetch({}), clock, random: () => 0 });
  const downloaded = downloader.download(`${server.url}/c`, { signal, log });
  await expect.poll(() => count, { timeout: 5000 }).toBe(1);
  await clock.advance(30_000);
  await expect.poll(() => clock.advance(0).then(() => count), { timeout: 5000 }).toBe(2);
  expect((await downloaded)?.toString()).toBe('late');
  expect(log.lines).toEqual([`retrying error: Get "${server.url}/c": no answer in 30s`]);
});

test('files are read once, and other places are refused by name', async () => {
  const { clock, downloader, context } = await setUp({});
  const folder = await mkdtemp(join(tmpdir(), 'download-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'a b.yaml'), 'x: 1');
  expect((await downloader.download(`file://${folder}/a%20b.yaml`, context))?.toString()).toBe('x: 1');
  const refused = (url: string) => expect(downloader.download(url, context)).rejects;
  await refused(`file://${folder}/c`).toThrow(
    `failed to download config from "file://${folder}/c": open ${folder}/c: no such file or directory`,
  );
  await refused('tftp://a.example/c').toThrow('TFTP is not supported, serve the config over http or https');
  await refused('gopher://u:p@a.example/').toThrow(
    'failed to download config from "gopher://u:xxxxx@a.example/": unsupported protocol scheme "gopher"',
  );
  await refused('http://a b/').toThrow('parse "http://a b/": invalid character " " in host name');
  expect(clock.waits).toEqual([]);
});
