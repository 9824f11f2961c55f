import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { expect, onTestFinished, test } from 'vitest';
import { type Answer, HastyClock, keepingLogger, startHttpServer } from '../../test/support/http-server.ts';
import type { HardwareLink } from '../system/hardware-links.ts';
import { httpFetch } from '../system/http.ts';
import { Downloader } from './download.ts';
import { packetPlatform } from './packet.ts';

const CONFIG = 'machine:\n  type: worker # kept\n';
const METADATA = readFileSync(new URL('./testdata/equinix-metadata.json', import.meta.url), 'utf8');
const LINKS: HardwareLink[] = [
  { name: 'enp1s0f0', mac: '50:6b:4b:b4:a9:3a' },
  { name: 'enp1s0f1', mac: '50:6b:4b:b4:a9:3b' },
  { name: 'enp2s0', mac: '50:6b:4b:b4:a9:3d' },
];

/** A server of the platform with these answers of the metadata service. */
async function setUp(answers: Record<string, Answer | Answer[]>) {
  const server = await startHttpServer(answers);
  onTestFinished(() => server.close());
  const clock = new HastyClock();
  const log = keepingLogger();
  const context = { signal: new AbortController().signal, log };
  const downloader = new Downloader({ http: httpFetch({}), clock, random: () => 0 });
  const platform = packetPlatform({ downloader, links: async () => LINKS, baseUrl: server.url });
  return { server, log, context, platform };
}

test('the bond of the metadata is added to the config, whose other bytes stay', async () => {
  const { server, context, log, platform } = await setUp({
    '/userdata': gzipSync(`# mine\n${CONFIG}cluster: {} # too\n`),
    '/metadata': [{ status: 500 }, METADATA],
  });
  const document = (await platform.configuration(context))?.toString();
  const bond = `
        bond:
          interfaces:
            - enp1s0f0
            - enp1s0f1
          mode: 802.3ad
          xmitHashPolicy: layer3+4
          miimon: 100
          updelay: 200
          downdelay: 200`;
  expect(document).toBe(`# mine
machine:
  type: worker # kept
  network:
    interfaces:
      - interface: bond0
        cidr: 147.75.100.11/31
        routes:
          - network: 0.0.0.0/0
            gateway: 147.75.100.10${bond}
      - interface: bond0
        cidr: 2604:1380:45d1:2200::1/127${bond}
      - interface: bond0
        cidr: 10.70.50.1/31
        routes:
          - network: 10.0.0.0/8
            gateway: 10.70.50.0
          - network: 192.168.0.0/16
            gateway: 10.70.50.0${bond}
cluster: {} # too
`);
  expect(log.lines).toEqual([
    `fetching machine config from: "${server.url}/userdata"`,
    `fetching equinix network config from: "${server.url}/metadata"`,
    'retrying error: failed to download config, received 500',
    'interface with MAC "50:6b:4b:b4:a9:3c" wasn\'t found on the host, skipping',
  ]);
  expect([
    platform.name,
    platform.mode,
    await platform.hostname(context),
    await platform.externalAddresses(context),
  ]).toEqual(['packet', 'metal', 'c3-small-01', []]);
});

test('interfaces of the user stay first, and strange metadata is refused by name', async () => {
  const own = `machine:\n  network:\n    interfaces:\n      - interface: eth5 # mine\n        dhcp: true\n`;
  const { interfaces, addresses } = JSON.parse(METADATA).network;
  const changed = (network: object) => JSON.stringify({ ...JSON.parse(METADATA), network });
  const second = { ...interfaces[1], bond: 'bond1' };
  const { context, platform } = await setUp({
    '/userdata': own,
    '/metadata': [
      changed({ bonding: { mode: 1 }, interfaces: interfaces.slice(0, 1), addresses: addresses.slice(1, 2) }),
      changed({ bonding: { mode: 4 }, interfaces: [], addresses }),
      changed({ bonding: { mode: 4 }, interfaces: [interfaces[0], second], addresses }),
      changed({ bonding: { mode: 9 }, interfaces, addresses }),
      changed({ addresses: [{ ...addresses[0], cidr: 'x' }], interfaces }),
      'no json',
    ],
  });
  const configuration = async () => (await platform.configuration(context))?.toString();
  const merged = await configuration();
  expect(merged?.startsWith(`${own}      - interface: bond0\n        cidr: 2604:1380:45d1:2200::1/127\n`)).toBe(true);
  expect(merged).toContain('mode: active-backup');
  expect(await configuration()).toBe(own);
  await expect(configuration()).rejects.toThrow('the metadata names more than one bond: bond0, bond1');
  await expect(configuration()).rejects.toThrow('the metadata names an unknown bond mode: 9');
  await expect(configuration()).rejects.toThrow('has an unexpected form: network.addresses.0.cidr: ');
  await expect(configuration()).rejects.toThrow('the metadata of this server is no JSON');
});

test('without user data there is no config, and the metadata is not asked', async () => {
  const { server, context, platform } = await setUp({ '/userdata': '' });
  expect([await platform.configuration(context), server.seen.length]).toEqual([undefined, 1]);
});
