import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { DhcpAnswer } from './support/dhcp-server.ts';
import { type Inside, startDnsmasq } from './support/dnsmasq.ts';
import { TestLan, type TestStation } from './support/netns.ts';
import { TestNetworkd } from './support/networkd.ts';
import { Cleanup, project } from './support/node.ts';
import { RunningProcess } from './support/process.ts';
import { describeWith, program, rootUser } from './support/requires.ts';
import { until } from './support/until.ts';

const NEEDS = [rootUser, ...['ip', 'busybox', 'dnsmasq', 'dhcpcd'].map(program)];
/** The kernel has a lease before files and resources tell of it. */
const soon = (check: () => Promise<void>) => vi.waitFor(check, { timeout: 30_000, interval: 100 });
const DHCP = { interfaces: [{ interface: 'eth0', dhcp: true }] };

/** A network with one machine on it whose networkd runs; made anew for each scenario, ended with the suite. */
class Bed {
  readonly #cleanup = new Cleanup();
  #folder = '';
  lan!: TestLan;
  station!: TestStation;
  networkd!: TestNetworkd;

  async start(): Promise<void> {
    this.lan = this.#cleanup.add(await TestLan.create(), lan => lan.remove());
    this.station = await this.lan.station();
    this.#folder = await this.#cleanup.folder('dhcp');
    await this.#startNetworkd();
  }

  /** Starts another networkd after the first one, with the same folder and a config at once. */
  again(config: object): Promise<void> {
    return this.#startNetworkd(config);
  }

  async #startNetworkd(config?: object): Promise<void> {
    const options = { commandLine: 'talos.platform=metal', ...(config ? { config } : {}) };
    this.networkd = await TestNetworkd.start(this.station, this.#folder, options);
    this.#cleanup.add(this.networkd, each => each.stop());
  }

  /** dnsmasq on the bridge, or in another namespace on the same network. */
  async dnsmasq(options: readonly string[], host: Inside = this.lan) {
    const server = await startDnsmasq(host, await this.#cleanup.folder('dnsmasq'), options);
    return this.#cleanup.add(server, each => each.stop('SIGKILL'));
  }

  /** The server that does what it is told. */
  async oddServer() {
    await this.lan.ip('route', 'add', '255.255.255.255', 'dev', 'lan');
    const [first, ...words] = this.lan.command(process.execPath, join(project, 'test/support/dhcp-server.ts'));
    const server = this.#cleanup.add(new RunningProcess(first, words, { input: 'pipe' }), each => each.stop('SIGKILL'));
    await server.waitFor(({ stdout }) => stdout.includes('serving'));
    return {
      told: async (answer: DhcpAnswer) => {
        const before = server.stdout.split('told').length;
        server.child.stdin?.write(`${JSON.stringify(answer)}\n`);
        await server.waitFor(({ stdout }) => stdout.split('told').length > before);
      },
      /** How often it was asked to offer something. */
      get discoveries() {
        return server.stdout.split('discover').length - 1;
      },
      asked: (text: string, count: number) => server.waitFor(({ stdout }) => stdout.split(text).length > count, 60_000),
    };
  }

  async hardwareAddress(): Promise<string> {
    return (await this.station.run('cat', '/sys/class/net/eth0/address')).trim();
  }

  /** What the kernel has, once it is so. */
  async addresses(isRight: (text: string) => boolean): Promise<string> {
    const list = () => this.station.ip('-br', '-4', 'addr', 'show', 'dev', 'eth0');
    return until(list, isRight);
  }

  /** What a lease sets, in kernel and files, and what is told of it. */
  async leased() {
    const told = async (type: string) => {
      const shown = await this.networkd.show(type);
      return shown.filter(({ spec }) => spec['layer'] === 'dhcp').map(({ id }) => id);
    };
    return {
      routes: (await this.station.ip('-4', 'route', 'show', 'proto', 'boot')).trimEnd().split(' \n'),
      mtu: (await this.station.run('cat', '/sys/class/net/eth0/mtu')).trim(),
      resolvers: await this.networkd.file('resolv.conf'),
      host: (await this.networkd.file('hosts')).split('\n')[1],
      told: [await told('addresses'), await told('routes'), await told('resolvers')],
    };
  }

  /** Has the DHCP client renew now, as an impatient person would: T1 of dnsmasq is a minute at least. */
  async renew(): Promise<void> {
    const found = await this.station.run(
      'sh',
      '-c',
      'for p in $(ip netns pids "$1"); do echo "$p $(tr "\\0" " " </proc/$p/cmdline)"; done',
      '-',
      this.station.namespace,
    );
    const pid = /^(\d+) busybox udhcpc /m.exec(found)?.[1];
    process.kill(Number(pid), 'SIGUSR1');
  }

  end(): Promise<void> {
    return this.#cleanup.run();
  }
}

const RANGE = '--dhcp-range=10.5.0.50,10.5.0.50,255.255.255.0,2m';

describeWith(NEEDS, 'DHCP from dnsmasq', () => {
  const bed = new Bed();
  beforeAll(() => bed.start());
  afterAll(() => bed.end());

  test('a lease is address, routes, resolvers, hostname, domain and MTU, each told as from DHCP', async () => {
    const server = await bed.dnsmasq([
      RANGE,
      `--dhcp-host=${await bed.hardwareAddress()},10.5.0.50,leased`,
      '--dhcp-option=option:dns-server,10.5.0.1,10.5.0.3',
      '--dhcp-option=option:domain-name,example.org',
      '--dhcp-option=option:mtu,1400',
      '--dhcp-option=option:classless-static-route,0.0.0.0/0,10.5.0.1,10.8.0.0/16,10.5.0.4',
    ]);
    const from = await bed.networkd.use(DHCP);
    await bed.networkd.logged('DHCP ACK on "eth0"', from);
    await bed.addresses(text => text.includes('10.5.0.50/24'));
    await soon(async () =>
      expect(await bed.leased()).toEqual({
        routes: [
          'default via 10.5.0.1 dev eth0 src 10.5.0.50 metric 1024',
          '10.8.0.0/16 via 10.5.0.4 dev eth0 src 10.5.0.50 metric 1024',
        ],
        mtu: '1400',
        resolvers: 'nameserver 10.5.0.1\nnameserver 10.5.0.3\n',
        host: '10.5.0.50 leased leased.example.org',
        told: [['eth0/10.5.0.50/24'], ['eth0/0.0.0.0/0/1024', 'eth0/10.8.0.0/16/1024'], ['resolvers']],
      }),
    );
    // What reservations are matched by: no client id, no vendor class, no name of ours.
    expect(server.stderr).not.toMatch(/vendor class|client provides name/);
    await server.stop();
  });

  test('a renewal updates routes, resolvers and hostname', async () => {
    const server = await bed.dnsmasq([
      RANGE,
      `--dhcp-host=${await bed.hardwareAddress()},10.5.0.50,renamed`,
      '--dhcp-option=option:dns-server,10.5.0.9',
      '--dhcp-option=option:router,10.5.0.2',
    ]);
    const from = bed.networkd.events.length;
    await bed.renew();
    await bed.networkd.logged('DHCP ACK on "eth0"', from);
    await soon(async () =>
      expect(await bed.leased()).toMatchObject({
        routes: ['default via 10.5.0.2 dev eth0 src 10.5.0.50 metric 1024'],
        mtu: '1500',
        resolvers: 'nameserver 10.5.0.9\n',
        host: '10.5.0.50 renamed',
      }),
    );
    expect(server.stderr).toContain('DHCPREQUEST(lan) 10.5.0.50');
    await server.stop();
  });

  test('a server that refuses the address gives another one, and the old one goes', async () => {
    const server = await bed.dnsmasq(['--dhcp-range=10.5.0.70,10.5.0.70,255.255.255.0,2m']);
    const from = bed.networkd.events.length;
    await bed.renew();
    await bed.networkd.logged('server rejected request with Nak', from);
    await bed.addresses(text => text.includes('10.5.0.70/24') && !text.includes('10.5.0.50/24'));
    expect(server.stderr).toContain('DHCPNAK(lan) 10.5.0.50');
    await server.stop();
  });

  test('another server takes over the lease: the address stays, and the client follows that server', async () => {
    const other = await bed.lan.station();
    await other.ip('addr', 'add', '10.5.0.2/24', 'dev', 'eth0');
    await other.ip('link', 'set', 'eth0', 'up');
    const range = '--dhcp-range=10.5.0.70,10.5.0.70,255.255.255.0,2m';
    const server = await bed.dnsmasq([range, '--dhcp-option=option:dns-server,10.5.0.2'], other);
    const from = bed.networkd.events.length;
    await bed.renew();
    await bed.networkd.logged('DHCP server on "eth0" changed from 10.5.0.1 to 10.5.0.2', from, 60_000);
    // The client that is started anew asks for the same address, so that it never goes.
    await server.waitFor(({ stderr }) => stderr.split('DHCPACK(eth0) 10.5.0.70').length > 2);
    await until(
      () => bed.networkd.file('resolv.conf'),
      text => text === 'nameserver 10.5.0.2\n',
    );
    const deleted = bed.networkd.log.slice(-20).filter(line => line.includes('addr del 10.5.0.70'));
    expect(deleted).toEqual([]);
    expect(await bed.addresses(() => true)).toContain('10.5.0.70/24');
  });
});

describeWith(NEEDS, 'DHCP and an agent that dies', () => {
  const bed = new Bed();
  beforeAll(() => bed.start());
  afterAll(() => bed.end());

  test('the next one keeps the address until there is an answer, and gives it back when there is none', async () => {
    const server = await bed.dnsmasq([RANGE]);
    await bed.networkd.use(DHCP);
    await bed.addresses(text => text.includes('10.5.0.50/24'));
    const changes = () => bed.networkd.log.filter(line => line.startsWith('changing the network'));
    await bed.networkd.kill();
    await bed.again(DHCP);
    await bed.networkd.logged('DHCP ACK on "eth0"');
    expect(changes()).toEqual([]);
    await bed.networkd.kill();
    await server.stop();
    await bed.again(DHCP);
    await bed.addresses(text => !text.includes('10.5.0.50'));
    expect(changes()).toEqual([expect.stringContaining('addr del 10.5.0.50/24 dev eth0')]);
  });
});

describeWith(NEEDS, 'DHCP from odd servers', () => {
  const bed = new Bed();
  let server: Awaited<ReturnType<Bed['oddServer']>>;
  /** The shortest lease that udhcpc takes. */
  const lease = 16;
  beforeAll(async () => {
    await bed.start();
    server = await bed.oddServer();
  });
  afterAll(() => bed.end());

  test('nobody answers: it asks for ever, and takes the first answer', async () => {
    const from = await bed.networkd.use(DHCP);
    await bed.networkd.logged('failed dhcp request for "eth0": no server answers', from, 60_000);
    const { discoveries } = server;
    await server.told({ give: '10.5.0.80', server: '10.5.0.1', lease, hostname: 'short', dns: '10.5.0.1' });
    await bed.addresses(text => text.includes('10.5.0.80/24'));
    expect(server.discoveries).toBeGreaterThan(discoveries);
  });

  test('at half of its life a lease is renewed by itself', async () => {
    const from = bed.networkd.events.length;
    await server.told({ give: '10.5.0.80', server: '10.5.0.1', lease, hostname: 'longer', dns: '10.5.0.2' });
    await bed.networkd.logged('DHCP ACK on "eth0"', from);
    await soon(async () =>
      expect(await bed.leased()).toMatchObject({ resolvers: 'nameserver 10.5.0.2\n', host: '10.5.0.80 longer' }),
    );
  });

  test('a server that names itself 0.0.0.0 after another one is another one', async () => {
    const from = bed.networkd.events.length;
    await server.told({ give: '10.5.0.80', server: '0.0.0.0', lease });
    await bed.networkd.logged(
      'DHCP server on "eth0" changed from 10.5.0.1 to one that does not name itself',
      from,
      60_000,
    );
    await bed.networkd.logged('DHCP ACK on "eth0": address 10.5.0.80/24', bed.networkd.events.length, 60_000);
    expect(await bed.addresses(() => true)).toContain('10.5.0.80/24');
  });

  test('a lease that nobody renews ends with its time, and comes back with a server', async () => {
    const from = bed.networkd.events.length;
    await server.told({ give: 'silent', server: '10.5.0.1', lease });
    await bed.networkd.logged('the lease of 10.5.0.80/24 has ended', from, 90_000);
    await bed.addresses(text => !text.includes('10.5.0.80'));
    await server.told({ give: '10.5.0.81', server: '10.5.0.1', lease });
    await bed.addresses(text => text.includes('10.5.0.81/24'));
  });

  test('a lease that is refused goes at once, and so does one for a link that is no longer asked for', async () => {
    const from = bed.networkd.events.length;
    await server.told({ give: 'nak', server: '10.5.0.1', lease });
    await bed.networkd.logged('server rejected request with Nak', from);
    await bed.addresses(text => !text.includes('10.5.0.81'));
    await server.told({ give: '10.5.0.82', server: '10.5.0.1', lease });
    await bed.addresses(text => text.includes('10.5.0.82/24'));
    await bed.networkd.use({ interfaces: [{ interface: 'eth0', cidr: '10.5.0.3/24' }] });
    expect(await bed.addresses(text => !text.includes('10.5.0.82'))).toContain('10.5.0.3/24');
  });
});

describeWith(NEEDS, 'DHCPv6 from dnsmasq', () => {
  const bed = new Bed();
  beforeAll(async () => {
    await bed.start();
    await bed.lan.ip('addr', 'add', 'fd00:5::1/64', 'dev', 'lan', 'nodad');
  });
  afterAll(() => bed.end());

  test('an entry without addresses has them of a router, also on a machine that forwards', async () => {
    await bed.station.run('sh', '-c', 'echo 1 | tee /proc/sys/net/ipv6/conf/all/forwarding');
    const ranges = ['--dhcp-range=fd00:5::,ra-only', '--dhcp-range=10.5.0.50,10.5.0.50,255.255.255.0,2m'];
    const router = await bed.dnsmasq(['--enable-ra', ...ranges]);
    await bed.networkd.use({ interfaces: [{ interface: 'eth0' }] });
    const state = () => bed.station.run('sh', '-c', 'ip -6 -br addr show dev eth0; ip -6 route show default');
    await until(state, text => /fd00:5:\S+\/64/.test(text) && /default via fe80:\S+ dev eth0 proto ra/.test(text));
    await router.stop();
  });

  test('no server, then one: /128, resolver, and the same client id each time', async () => {
    const interfaces = [{ interface: 'eth0', dhcp: true, dhcpOptions: { ipv4: false, ipv6: true } }];
    const from = await bed.networkd.use({ interfaces });
    await bed.networkd.logged('failed dhcp6 request for "eth0"', from, 90_000);
    const range = ['--dhcp-range=fd00:5::50,fd00:5::50,64,2m', '--dhcp-range=10.5.0.50,10.5.0.50,255.255.255.0,2m'];
    const server = await bed.dnsmasq([...range, '--dhcp-option=option6:dns-server,[fd00:5::1]']);
    await bed.networkd.logged('DHCP6 REPLY on "eth0": address fd00:5::50/128', from, 90_000);
    await until(
      () => bed.station.ip('-6', '-br', 'addr', 'show', 'dev', 'eth0'),
      text => text.includes('fd00:5::50/128'),
    );
    await until(
      () => bed.networkd.file('resolv.conf'),
      text => text === 'nameserver fd00:5::1\n',
    );
    expect(server.stderr).toContain(`00:03:00:01:${await bed.hardwareAddress()}`);
    // Other messages than these two are too much for some servers (disks-and-images.md §10.3).
    expect(server.stderr).not.toMatch(/DHCP(RENEW|REBIND|RELEASE|CONFIRM)/);
  });
});
