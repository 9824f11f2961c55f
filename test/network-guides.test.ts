import { spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startDnsmasq } from './support/dnsmasq.ts';
import { NetMachine } from './support/net-machine.ts';
import type { RunningProcess } from './support/process.ts';
import { describeWith, program, type Requirement, rootUser } from './support/requires.ts';
import { until } from './support/until.ts';

const NEEDS = [rootUser, ...['ip', 'unshare', 'setpriv'].map(program)];

/** Whether this kernel makes links of a kind: those that it does not make are seen on emulated machines (vm-*.test.ts). */
function kernelHas(kind: string, ...rest: string[]): Requirement {
  const { status } = rootUser.met
    ? spawnSync('unshare', ['--net', 'ip', 'link', 'add', 'link', 'lo', 'name', 'x', 'type', kind, ...rest])
    : { status: 1 };
  return { name: `links of kind ${kind} in this kernel`, met: status === 0 };
}

const rowsWith = (rows: string[][], text: string) => rows.filter(row => row.includes(text)).map(row => row.slice(3));

describeWith(NEEDS, 'guide 1 on a whole agent: static addressing and additional addresses', () => {
  let machine: NetMachine;
  const eth0 = {
    interface: 'eth0',
    cidr: '10.5.0.201/8',
    mtu: 1400,
    routes: [{ network: '0.0.0.0/0', gateway: '10.5.0.1' }],
  };
  const network = {
    hostname: 'talos',
    nameservers: ['10.0.0.1'],
    interfaces: [
      eth0,
      { interface: 'eth1', ignore: true },
      { interface: 'lo0', cidr: '192.168.0.21/24' },
      { interface: 'lo0', cidr: '10.2.2.2/24' },
    ],
  };
  beforeAll(async () => {
    machine = await NetMachine.start({ network, address: '10.5.0.201', cards: 2 });
  });
  afterAll(() => machine?.remove());

  test('the kernel has what the config says', async () => {
    const { station } = machine;
    expect(await station.ip('-br', '-4', 'addr')).toMatch(
      /^lo +UNKNOWN +127\.0\.0\.1\/8 192\.168\.0\.21\/24 10\.2\.2\.2\/24 \neth0@\S+ +UP +10\.5\.0\.201\/8 \n$/,
    );
    expect(await station.ip('route', 'show', 'proto', 'boot')).toBe(
      'default via 10.5.0.1 dev eth0 src 10.5.0.201 metric 10 \n',
    );
    expect(await station.run('cat', '/sys/class/net/eth0/mtu', '/sys/class/net/lo/mtu')).toBe('1400\n65536\n');
    expect(await machine.output('read', '/etc/resolv.conf')).toBe('nameserver 10.0.0.1\n');
    expect((await machine.output('read', '/etc/hosts')).split('\n').slice(0, 2)).toEqual([
      '127.0.0.1 localhost',
      '10.5.0.201 talos',
    ]);
  });

  test('the client is told of it, and who set each thing', async () => {
    const links = await machine.rows('links');
    expect(links[0]).toEqual([
      'NODE',
      'NAMESPACE',
      'TYPE',
      'ID',
      'VERSION',
      'KIND',
      'STATE',
      'UP',
      'MTU',
      'MAC',
      'MASTER',
      'LAYER',
    ]);
    expect(links.slice(1).map(row => [row[3], row.at(-1)])).toEqual([
      ['eth0', 'config'],
      ['eth1', 'foreign'],
      ['lo', 'config'],
    ]);
    const addresses = await machine.rows('addresses');
    expect(rowsWith(addresses, '10.5.0.201/8')).toEqual([
      ['eth0/10.5.0.201/8', '1', '10.5.0.201/8', 'eth0', 'global', 'config'],
    ]);
    expect(rowsWith(addresses, '127.0.0.1/8')[0]?.at(-1)).toBe('default');
    expect(rowsWith(await machine.rows('routes'), '0.0.0.0/0')).toEqual([
      ['eth0/0.0.0.0/0/10', '1', '0.0.0.0/0', '10.5.0.1', 'eth0', '10', 'config'],
    ]);
    expect((await machine.rows('resolvers'))[1]?.slice(3)).toEqual([
      'resolvers',
      expect.anything(),
      '["10.0.0.1"]',
      '[]',
      'config',
    ]);
    expect((await machine.rows('hostnames'))[1]?.slice(3)).toEqual(['hostname', expect.anything(), 'talos', 'config']);
    expect(await machine.output('interfaces')).toMatch(/ lo +65536 +192\.168\.0\.21\/24\n/);
    expect(await machine.output('routes')).toMatch(/ eth0 +0\.0\.0\.0\/0 +10\.5\.0\.1\/32 +10\n/);
  });

  test('live: another address beside comes and goes, and nobody’s way is touched', async () => {
    const beside = { ...network, interfaces: [...network.interfaces, { interface: 'lo', cidr: '192.168.7.7/32' }] };
    await machine.output('apply-config', '--immediate', '-f', await machine.configFile(beside));
    await until(
      () => machine.station.ip('-br', 'addr', 'show', 'lo'),
      text => text.includes('192.168.7.7/32'),
    );
    await machine.output('apply-config', '--immediate', '-f', await machine.configFile(network));
    await until(
      () => machine.station.ip('-br', 'addr', 'show', 'lo'),
      text => !text.includes('192.168.7.7'),
    );
    expect(machine.log).not.toContain('touches the way');
  });

  test('live: a change of the caller’s own link stays, since the way back answers', async () => {
    const from = machine.log.length;
    const changed = { ...network, interfaces: [{ ...eth0, mtu: 1300 }, ...network.interfaces.slice(1)] };
    await machine.output('apply-config', '--immediate', '-f', await machine.configFile(changed));
    await machine.logged('touches the way to 10.5.0.1: it is taken back if that is cut off', from);
    await machine.logged('stays: the way to 10.5.0.1 is there', from);
    expect(await machine.station.run('cat', '/sys/class/net/eth0/mtu')).toBe('1300\n');
    await machine.output('apply-config', '--immediate', '--no-rollback', '-f', await machine.configFile(network));
    await until(
      () => machine.station.run('cat', '/sys/class/net/eth0/mtu'),
      text => text === '1400\n',
    );
  });

  test('live: a change that cuts the caller off is taken back after two minutes, and log and event say so', async () => {
    const from = machine.log.length;
    const lost = {
      ...network,
      interfaces: [{ ...eth0, cidr: '172.16.0.2/24', routes: [] }, ...network.interfaces.slice(1)],
    };
    await machine.output('apply-config', '--immediate', '-f', await machine.configFile(lost));
    await until(
      () => machine.station.ip('-br', 'addr', 'show', 'eth0'),
      text => text.includes('172.16.0.2/24') && !text.includes('10.5.0.201'),
    );
    await machine.logged('cut off 10.5.0.1: neither a call came in nor does the way there answer', from, 300_000);
    await until(
      () => machine.station.ip('-br', 'addr', 'show', 'eth0'),
      text => text.includes('10.5.0.201/8'),
    );
    await until(
      async () => (await machine.ctl.run(machine.address, 'version')).code,
      code => code === 0,
    );
    expect(await machine.output('read', '/system/state/config.yaml')).toBe(machine.config(network));
    const events = await machine.events('cut off');
    expect(events).toMatch(/SequenceEvent +applyConfiguration +.*configuration \w+ cut off 10\.5\.0\.1/);
  }, 600_000);
});

describeWith(
  [...NEEDS, ...['dnsmasq', 'busybox', 'openssl'].map(program)],
  'a machine that its kernel command line and a lease configure',
  () => {
    let machine: NetMachine;
    let server: RunningProcess;
    let folder: string;
    beforeAll(async () => {
      folder = await mkdtemp(`${tmpdir()}/talosd-lease-`);
      const words = ['ip=10.5.0.7::10.5.0.1:255.255.255.0:byip:eth0::10.5.0.9', 'talos.hostname=by-kernel.example.org'];
      machine = await NetMachine.start({
        network: {
          interfaces: [
            { interface: 'eth2', cidr: '10.9.9.9/24' },
            { interface: 'eth1', dhcp: true, vip: { ip: '10.5.0.15' } },
          ],
        },
        address: '10.5.0.7',
        cards: 3,
        kernelArguments: [...words, 'talos.network.interface.ignore=eth2'],
      });
      server = await startDnsmasq(machine.lan, folder, ['--dhcp-range=10.5.0.60,10.5.0.60,255.255.255.0,2m']);
    });
    afterAll(async () => {
      await server?.stop('SIGKILL');
      await machine?.remove();
      await rm(folder, { recursive: true, force: true });
    });

    test('each layer is told by its name', async () => {
      await machine.logged('DHCP ACK on "eth1": address 10.5.0.60/24');
      const rows = await until(
        () => machine.rows('addresses'),
        found => rowsWith(found, '10.5.0.60/24').length > 0,
      );
      expect(rowsWith(rows, '10.5.0.60/24')[0]?.at(-1)).toBe('dhcp');
      expect(rowsWith(rows, '10.5.0.7/24')[0]?.at(-1)).toBe('cmdline');
      expect(rowsWith(await machine.rows('links'), 'eth2')[0]?.at(-1)).toBe('foreign');
      expect(await machine.station.ip('-br', '-4', 'addr', 'show', 'eth2')).toBe('');
      const routes = await machine.rows('routes');
      expect(rowsWith(routes, '0.0.0.0/0').map(row => [row[0], row.at(-1)])).toEqual([
        ['eth0/0.0.0.0/0/10', 'cmdline'],
        ['eth1/0.0.0.0/0/1024', 'dhcp'],
      ]);
      expect((await machine.rows('hostnames'))[1]?.slice(5)).toEqual(['by-kernel', 'example.org', 'cmdline']);
      expect(await machine.output('read', '/etc/resolv.conf')).toBe('nameserver 10.5.0.9\nsearch example.org\n');
      expect((await machine.output('read', '/etc/hosts')).split('\n')[1]).toBe(
        '10.5.0.7 by-kernel by-kernel.example.org',
      );
    });

    test('the certificate holds names and addresses from wherever they came', async () => {
      const show =
        'openssl s_client -connect 10.5.0.7:50000 </dev/null 2>/dev/null | openssl x509 -noout -ext subjectAltName';
      const names = ['DNS:by-kernel', 'DNS:by-kernel.example.org', 'IP Address:10.5.0.7', 'IP Address:10.5.0.60'];
      await until(
        () => machine.lan.run('sh', '-c', show),
        text => names.every(name => text.split(/[,\n]/).some(each => each.trim() === name)),
      );
    });

    test('a cable that is pulled and plugged in again is told of, and the lease is renewed', async () => {
      const from = machine.log.length;
      const socket = machine.station.sockets[1]!;
      await machine.lan.ip('link', 'set', socket, 'down');
      await machine.logged('no carrier for link "eth1"', from);
      await machine.lan.ip('link', 'set', socket, 'up');
      await machine.logged('link "eth1" has carrier signal', from);
      await machine.logged('link "eth1" is back', from);
      await machine.logged('DHCP ACK on "eth1": address 10.5.0.60/24', from);
    });

    test('guide 21: a shared address waits for its election', async () => {
      await machine.logged('vip: shared IP "10.5.0.15" on interface "eth1" waits for etcd');
      expect((await machine.rows('operators')).slice(1).map(row => row[3])).toEqual(['dhcp4/eth1', 'vip/eth1']);
      expect(await machine.station.ip('-br', 'addr')).not.toContain('10.5.0.15');
    });
  },
);

describeWith(
  [...NEEDS, kernelHas('bond'), kernelHas('vlan', 'id', '5')],
  'guide 1 on a whole agent: bonding and VLANs',
  () => {
    let machine: NetMachine;
    beforeAll(async () => {
      machine = await NetMachine.start({
        network: {
          interfaces: [
            { interface: 'eth0', cidr: '10.5.0.2/24' },
            {
              interface: 'bond0',
              dhcp: true,
              bond: {
                ...{ mode: '802.3ad', lacpRate: 'fast', xmitHashPolicy: 'layer3+4', miimon: 100, updelay: 200 },
                ...{ downdelay: 200, interfaces: ['eth1', 'eth2'] },
              },
            },
            {
              interface: 'eth3',
              dhcp: false,
              vlans: [
                { vlanId: 100, cidr: '192.168.2.10/28', routes: [{ network: '0.0.0.0/0', gateway: '192.168.2.1' }] },
              ],
            },
          ],
        },
        address: '10.5.0.2',
        cards: 4,
      });
    });
    afterAll(() => machine?.remove());

    test('the kernel has what the config says', async () => {
      await until(
        () => machine.station.ip('-br', 'addr', 'show', 'eth3.100'),
        text => text.includes('192.168.2.10/28'),
      );
      const bonding = await machine.output('read', '/proc/net/bonding/bond0');
      expect(bonding).toContain('Bonding Mode: IEEE 802.3ad Dynamic link aggregation');
      expect(bonding.match(/Slave Interface: eth[12]/g)).toEqual(['Slave Interface: eth1', 'Slave Interface: eth2']);
    });
  },
);

describeWith([...NEEDS, program('wg'), kernelHas('wireguard')], 'guide 9 on a whole agent: WireGuard', () => {
  const key = generateKeyPairSync('x25519').privateKey.export({ format: 'jwk' });
  const text = (part = '') => Buffer.from(part, 'base64url').toString('base64');
  let machine: NetMachine;
  beforeAll(async () => {
    machine = await NetMachine.start({
      network: {
        interfaces: [
          { interface: 'eth0', cidr: '10.5.0.2/24' },
          {
            interface: 'wg0',
            mtu: 1500,
            cidr: '192.168.2.1/24',
            wireguard: {
              privateKey: text(key.d),
              listenPort: 51820,
              // The guide writes one peer without a list, which is taken as a list of one.
              peers: { allowedIPs: ['192.168.88.0/24'], endpoint: '209.202.254.14:8172', publicKey: text(key.x) },
            },
          },
        ],
      },
      address: '10.5.0.2',
    });
  });
  afterAll(() => machine?.remove());

  test('the link has its address and its key, and no log has the key', async () => {
    await until(
      () => machine.station.run('wg', 'show', 'wg0'),
      shown => shown.includes('listening port: 51820') && shown.includes('allowed ips: 192.168.88.0/24'),
    );
    expect(machine.log).not.toContain(text(key.d));
  });
});
