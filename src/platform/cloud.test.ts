import { expect, onTestFinished, test } from 'vitest';
import { type Answer, HastyClock, keepingLogger, startHttpServer } from '../../test/support/http-server.ts';
import { httpFetch } from '../system/http.ts';
import { awsPlatform } from './aws.ts';
import { azurePlatform } from './azure.ts';
import { digitalOceanPlatform } from './digital-ocean.ts';
import { Downloader } from './download.ts';
import { gcpPlatform } from './gcp.ts';
import type { Platform } from './platform.ts';

const CONFIG = 'machine:\n  type: worker # kept\n';

async function setUp(answers: Record<string, Answer | Answer[]>) {
  const server = await startHttpServer(answers);
  onTestFinished(() => server.close());
  const clock = new HastyClock();
  const log = keepingLogger();
  const context = { signal: new AbortController().signal, log };
  return { server, log, context, clock, downloader: new Downloader({ http: httpFetch({}), clock, random: () => 0 }) };
}

const AZURE = (path: string, query = '&format=text') => `/metadata/instance/${path}?api-version=2019-06-01${query}`;
const GCP = (path: string) => `/computeMetadata/v1/instance/${path}`;
const DIGITAL_OCEAN = (path: string) => `/metadata/v1/${path}`;
const META_DATA = (path: string) => `/latest/meta-data/${path}`;
const EC2_ANSWERS = {
  '/latest/user-data': [{ status: 500 }, CONFIG],
  [META_DATA('hostname')]: 'ip-10-0-0-7.ec2.internal\n',
  [META_DATA('public-ipv4')]: '203.0.113.7',
};

interface Case {
  readonly make: (downloader: Downloader, url: string) => Platform;
  readonly answers: Record<string, Answer | Answer[]>;
  /** Path of the config. */
  readonly config: string;
  readonly facts: { name: string; mode: string; hostname: string | undefined; addresses: string[] };
  /** A header that each question must carry. */
  readonly header?: [name: string, value: string];
}

const cases: Case[] = [
  ...(['aws', 'openstack'] as const).map(name => ({
    make: (downloader: Downloader, url: string) => awsPlatform(name, downloader, url),
    answers: EC2_ANSWERS,
    config: '/latest/user-data',
    facts: { name, mode: 'cloud', hostname: 'ip-10-0-0-7.ec2.internal', addresses: ['203.0.113.7'] },
  })),
  {
    make: digitalOceanPlatform,
    answers: {
      [DIGITAL_OCEAN('user-data')]: CONFIG,
      [DIGITAL_OCEAN('hostname')]: 'droplet',
      [DIGITAL_OCEAN('interfaces/public/0/ipv4/address')]: '203.0.113.8',
    },
    config: DIGITAL_OCEAN('user-data'),
    facts: { name: 'digital-ocean', mode: 'cloud', hostname: 'droplet', addresses: ['203.0.113.8'] },
  },
  {
    make: gcpPlatform,
    answers: {
      [GCP('attributes/user-data')]: CONFIG,
      [GCP('network-interfaces/?recursive=true')]: JSON.stringify([
        {
          ip: '10.128.0.2',
          accessConfigs: [{ externalIp: '203.0.113.9', type: 'ONE_TO_ONE_NAT' }, { externalIp: '' }],
        },
        { ip: '10.128.0.3', accessConfigs: [{ type: 'ONE_TO_ONE_NAT' }] },
        { ip: '10.128.0.4' },
      ]),
    },
    config: GCP('attributes/user-data'),
    facts: { name: 'gcp', mode: 'cloud', hostname: undefined, addresses: ['203.0.113.9'] },
    header: ['metadata-flavor', 'Google'],
  },
  {
    make: (downloader, url) => azurePlatform(downloader, { metadata: url, fabric: url }),
    answers: {
      [AZURE('compute/customData')]: btoa(CONFIG),
      [AZURE('compute/name')]: 'vm-1',
      [AZURE('network/interface', '')]: JSON.stringify([
        {
          ipv4: { ipAddress: [{ privateIpAddress: '10.0.0.4', publicIpAddress: '203.0.113.10' }], subnet: [] },
          ipv6: { ipAddress: [{ privateIpAddress: '', publicIpAddress: '2001:DB8::0:1' }] },
          macAddress: '000D3A',
        },
        { ipv4: { ipAddress: [{ privateIpAddress: '10.0.0.5', publicIpAddress: '' }] }, ipv6: { ipAddress: [] } },
      ]),
      '/machine/?comp=goalstate': '<GoalState><Incarnation>1</Incarnation></GoalState>',
    },
    config: AZURE('compute/customData'),
    facts: { name: 'azure', mode: 'cloud', hostname: 'vm-1', addresses: ['203.0.113.10', '2001:db8::1'] },
    header: ['metadata', 'true'],
  },
];

test.each(cases)('$facts.name: config, name and addresses come from its metadata service', async each => {
  const { server, context, log, downloader } = await setUp(each.answers);
  const platform = each.make(downloader, server.url);
  expect(Buffer.from((await platform.configuration(context)) ?? []).toString()).toBe(CONFIG);
  expect({
    name: platform.name,
    mode: platform.mode,
    hostname: await platform.hostname(context),
    addresses: await platform.externalAddresses(context),
  }).toEqual(each.facts);
  expect(log.lines).toContain(`fetching machine config from: "${server.url}${each.config}"`);
  if (each.header) {
    const [name, value] = each.header;
    const asked = server.seen.filter(({ url }) => !url.startsWith('/machine/'));
    expect(new Set(asked.map(({ headers }) => headers[name]))).toEqual(new Set([value]));
  }
});

test.each(cases)('$facts.name: a service without answers', async each => {
  const { server, context, clock, downloader } = await setUp({});
  const platform = each.make(downloader, server.url);
  const isAzure = platform.name === 'azure';
  if (isAzure) await expect(platform.configuration(context)).rejects.toThrow('failed to download config, received 404');
  else expect([await platform.configuration(context), clock.waits]).toEqual([undefined, []]);
  if (each.facts.hostname) {
    await expect(platform.hostname(context)).rejects.toThrow('failed to fetch hostname from metadata service: 404');
  }
  await expect(platform.externalAddresses(context)).rejects.toThrow(
    'failed to retrieve external addresses for instance',
  );
});

test('an address that is none, or empty, is no address', async () => {
  const { server, context, log, downloader } = await setUp({ [META_DATA('public-ipv4')]: ['', 'no address'] });
  const platform = awsPlatform('aws', downloader, server.url);
  expect([await platform.externalAddresses(context), await platform.externalAddresses(context)]).toEqual([[], []]);
  expect(log.lines).toEqual(['the metadata service names "no address", which is no address']);
});

test('azure hears that the machine is ready once its config has come, and custom data must be base64', async () => {
  const goal = `<?xml version="1.0" encoding="utf-8"?>
<GoalState xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><Version>2012-11-30</Version><Incarnation>7</Incarnation>
<Container><ContainerId>c-1</ContainerId><RoleInstanceList><RoleInstance><InstanceId>i&amp;1</InstanceId>
<State>Started</State></RoleInstance></RoleInstanceList></Container></GoalState>`;
  const { server, context, downloader } = await setUp({
    [AZURE('compute/customData')]: [btoa(CONFIG), 'not base64', ''],
    '/machine/?comp=goalstate': goal,
  });
  const platform = azurePlatform(downloader, { metadata: server.url, fabric: server.url });
  await platform.configuration(context);
  const report = server.seen.at(-1)!;
  expect([report.method, report.url, report.headers['x-ms-agent-name'], report.headers['x-ms-version']]).toEqual([
    'POST',
    '/machine/?comp=health',
    'WALinuxAgent',
    '2015-04-05',
  ]);
  expect(report.body).toBe(
    '<?xml version="1.0" encoding="utf-8"?><Health xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" ' +
      'xmlns:xsd="http://www.w3.org/2001/XMLSchema"><GoalStateIncarnation>7</GoalStateIncarnation><Container>' +
      '<ContainerId>c-1</ContainerId><RoleInstanceList><Role><InstanceId>i&#38;1</InstanceId><Health><State>Ready</State>' +
      '</Health></Role></RoleInstanceList></Container></Health>',
  );
  await expect(platform.configuration(context)).rejects.toThrow('custom data: illegal base64 data at input byte 3');
  await expect(platform.configuration(context)).rejects.toThrow('this machine has no custom data');
});
