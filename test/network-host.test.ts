import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { editYaml, generateCluster } from './support/cluster.ts';
import { loopbackAddresses } from './support/loopback.ts';
import { Cleanup, talosd } from './support/node.ts';
import { runProcess } from './support/process.ts';
import { describeWith, program } from './support/requires.ts';
import { Talosctl } from './support/talosctl.ts';

/** What passes by itself in a listing: counters and ages. */
const PASSING = /^(valid_life_time|preferred_life_time|expires|used|.*timer)$/;

/** Everything of this machine's network and name that an agent could change. */
async function dump(): Promise<unknown> {
  const lists = [
    ['-d', 'addr', 'show'],
    ['-4', 'route', 'show', 'table', 'all'],
    ['-6', 'route', 'show', 'table', 'all'],
    ['rule', 'show'],
  ].map(async words => {
    const { stdout } = await runProcess('ip', ['-j', ...words]);
    return JSON.parse(stdout || '[]', (key, value: unknown) => (PASSING.test(key) ? undefined : value)) as unknown;
  });
  const files = ['/etc/hosts', '/etc/resolv.conf', '/proc/sys/kernel/hostname', '/proc/sys/kernel/domainname'];
  files.push('/proc/sys/net/ipv4/conf/all/promote_secondaries');
  return Promise.all([...lists, ...files.map(file => readFile(file, 'utf8').catch(() => ''))]);
}

describeWith([program('ip')], 'a node on somebody’s machine', () => {
  const cleanup = new Cleanup();
  afterAll(() => cleanup.run());

  test('changes nothing of its network, whatever its config says', async () => {
    const before = await dump();
    const [listen = ''] = loopbackAddresses(1);
    const folder = await cleanup.folder('host');
    const { controlplane, talosconfig } = await generateCluster('talosd', join(folder, 'cluster'), listen);
    const network = (own: number) => ({
      hostname: `other-${own}`,
      nameservers: ['10.99.0.1'],
      extraHostEntries: [{ ip: '10.99.0.1', aliases: ['nobody'] }],
      interfaces: [
        { interface: 'lo', cidr: `10.99.0.${own}/32`, mtu: 1300, routes: [{ network: '10.98.0.0/16', gateway: '' }] },
        { interface: 'eth0', dhcp: true, dhcpOptions: { ipv6: true }, vip: { ip: '10.99.0.99' } },
        { interface: 'dummy7', dummy: true, cidr: '10.97.0.1/32' },
      ],
    });
    await editYaml(controlplane, document => document.setIn(['machine', 'network'], network(1)));
    const node = await cleanup.node({ listen, state: join(folder, 'state'), config: controlplane });
    const ctl = new Talosctl({ talosconfig, endpoint: listen, program: [process.execPath, ...talosd('ctl')] });
    expect(await ctl.output('get', 'addresses')).toContain('127.0.0.1/8');
    await editYaml(controlplane, document => document.setIn(['machine', 'network'], network(2)));
    await ctl.output('apply-config', '--immediate', '-f', controlplane);
    // The config is in use when its resource says so; whoever follows it has had its turns when the next calls are answered.
    await node.waitForLog('apply config request: immediate true');
    expect(await ctl.output('read', '/system/state/config.yaml')).toContain('10.99.0.2/32');
    await node.stop();
    expect(await dump()).toEqual(before);
  });
});
