import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { HastyClock, keepingLogger, startHttpServer } from '../../test/support/http-server.ts';
import { TalosdError } from '../lib/errors.ts';
import { httpFetch } from '../system/http.ts';
import type { VolumeReader } from '../system/volume.ts';
import { Downloader } from './download.ts';
import { KernelArguments } from './kernel-args.ts';
import { metalConfigUrl, metalPlatform } from './metal.ts';

const UUID = '6f1b0a44-8d3c-4c9b-9d55-0a4c4b1f2e77';

/** A machine started with this kernel command line, and a volume labelled metal-iso in `folder` if there is one. */
function setUp(commandLine: string, folder?: string) {
  const log = keepingLogger();
  const mounts: string[] = [];
  const volumes: VolumeReader = {
    find: async (label, types) => {
      if (folder === undefined) throw new TalosdError('not_found', 'no block device has it');
      expect([label, types]).toEqual(['metal-iso', ['iso9660', 'vfat', 'xfs']]);
      return { device: '/dev/sr0', type: 'iso9660' };
    },
    mount: async volume => {
      mounts.push(volume.device);
      return folder!;
    },
    unmount: async mounted => void mounts.push(`-${mounted === folder}`),
  };
  const platform = metalPlatform({
    kernelArguments: async () => new KernelArguments(commandLine),
    systemUuid: async () => UUID,
    volumes,
    downloader: new Downloader({ http: httpFetch({}), clock: new HastyClock() }),
  });
  return { platform, log, mounts, context: { signal: new AbortController().signal, log } };
}

test('the config comes from talos.config, where the machine says who it is', async () => {
  const server = await startHttpServer({ [`/c.yaml?uuid=${UUID}`]: [{ status: 404 }, 'machine: {}'] });
  onTestFinished(() => server.close());
  const { platform, log, context } = setUp(`quiet talos.config=${server.url}/c.yaml?uuid=`);
  expect((await platform.configuration(context))?.toString()).toBe('machine: {}');
  expect(log.lines).toEqual([
    `fetching machine config from: "${server.url}/c.yaml?uuid="`,
    'retrying error: failed to download config, received 404',
  ]);
  expect([
    platform.name,
    platform.mode,
    await platform.hostname(context),
    await platform.externalAddresses(context),
  ]).toEqual(['metal', 'metal', undefined, []]);
});

test('no talos.config, an empty one and none mean that a person brings the config', async () => {
  for (const commandLine of ['quiet', 'talos.config=', 'talos.config=none talos.config=http://a.example/']) {
    const { platform, log, context } = setUp(commandLine);
    expect([await platform.configuration(context), log.lines]).toEqual([undefined, []]);
  }
});

test('metal-iso is a volume of that label, which is mounted for as long as its config.yaml is read', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'metal-iso-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const { platform, log, mounts, context } = setUp('talos.config=metal-iso', folder);
  await expect(platform.configuration(context)).rejects.toThrow(
    `read config: open ${folder}/config.yaml: no such file or directory`,
  );
  await writeFile(join(folder, 'config.yaml'), 'machine: {}');
  expect((await platform.configuration(context))?.toString()).toBe('machine: {}');
  expect(mounts).toEqual(['/dev/sr0', '-true', '/dev/sr0', '-true']);
  expect(log.lines.slice(-2)).toEqual(['fetching machine config from: "metal-iso"', '/dev/sr0 carries the config']);
  await expect(setUp('talos.config=metal-iso').platform.configuration(context)).rejects.toThrow(
    'failed to find metal-iso iso: no block device has it',
  );
});

test('only a query is written anew: in order of its keys, escaped, others than uuid noted', async () => {
  const log = keepingLogger();
  const url = (source: string) => metalConfigUrl(source, async () => UUID, log);
  expect([
    await url('https://a.example/c?z=1&uuid=old&uuid=older&a=x%20y*&z=0~#part'),
    await url('http://a.example/c?'),
    await url('http://a.example/a b?uuid'),
    await url('file:///c.yaml'),
  ]).toEqual([
    `https://a.example/c?a=x+y%2A&uuid=${UUID}&z=1&z=0~#part`,
    'http://a.example/c?',
    `http://a.example/a%20b?uuid=${UUID}`,
    'file:///c.yaml',
  ]);
  expect(log.lines).toEqual(['unsupported query parameter: "a"', 'unsupported query parameter: "z"']);
  await expect(url('http://u:p@[::1/')).rejects.toThrow(
    'failed to parse talos.config: parse "http://u:xxxxx@[::1/": missing \']\' in host',
  );
});
