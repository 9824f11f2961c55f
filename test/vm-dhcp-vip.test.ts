import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Inside, startDnsmasq } from './support/dnsmasq.ts';
import { networkdBundle } from './support/networkd-bundle.ts';
import { RunningProcess } from './support/process.ts';
import { describeWith, program, virtualMachines } from './support/requires.ts';
import { until } from './support/until.ts';
import { hardwareAddress, type Vm } from './support/vm.ts';
import { VmBed } from './support/vm-bed.ts';

const VIP = '10.6.0.15';
const STATIONS = [2, 3] as const;
/** A minute is the shortest time after which a client of dnsmasq renews by itself. */
const RENEWAL = 240_000;

/**
 * eth0 is the way to the API: fixed on the first machine, leased on the second. eth1 is leased on the first. eth2 belongs to
 * a networkd of the test's own, which shares an address on it as the test orders: the election comes with the control plane.
 */
const interfacesOf = (station: number) => [
  station === 2 ? { interface: 'eth0', cidr: '10.5.0.2/24' } : { interface: 'eth0', dhcp: true },
  station === 2 ? { interface: 'eth1', dhcp: true } : { interface: 'eth1', ignore: true },
  { interface: 'eth2', ignore: true },
];

describeWith(
  [...virtualMachines, ...['dnsmasq', 'tcpdump'].map(program)],
  'DHCP and a shared address on machines',
  () => {
    let bed: VmBed;
    let folder: string;
    let one: Vm;
    let two: Vm;
    const programs: RunningProcess[] = [];

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'talosd-dhcp-'));
      bed = await VmBed.create();
      for (const address of ['10.6.0.1/24', '10.8.0.1/24']) await bed.lan.ip('addr', 'add', address, 'dev', 'lan');
      await dnsmasq([]);
      const files = await networkdBundle();
      const [first, second] = await Promise.all(
        STATIONS.map(station =>
          bed.start({ station, interfaces: interfacesOf(station), cards: ['lan', 'lan', 'lan'], files }),
        ),
      );
      one = first!;
      two = second!;
    }, 1_200_000);
    afterAll(async () => {
      for (const each of programs) await each.stop('SIGKILL');
      await bed?.remove();
      await rm(folder, { recursive: true, force: true });
    });

    /** A server for the second machine's way to the API, and for what `options` says. */
    async function dnsmasq(options: readonly string[], host: Inside = bed.lan): Promise<RunningProcess> {
      const way = ['--dhcp-range=10.5.0.3,10.5.0.3,255.255.255.0,2m', `--dhcp-host=${hardwareAddress(3, 0)},10.5.0.3`];
      const server = await startDnsmasq(host, folder, [...way, ...options]);
      programs.push(server);
      return server;
    }

    const leased = (vm: Vm, kind: string) =>
      bed.ctl.output(vm.address, 'get', kind).then(text => text.split('\n').filter(line => line.includes(' dhcp')));
    const resolvers = (vm: Vm) => bed.ctl.output(vm.address, 'read', '/etc/resolv.conf');

    test('a machine whose only way is a lease starts and serves', async () => {
      expect((await leased(two, 'addresses')).join('\n')).toMatch(/ eth0\/10\.5\.0\.3\/24 /);
      expect((await leased(two, 'routes')).join('\n')).toMatch(/ eth0\/0\.0\.0\.0\/0\/1024 /);
    });

    test('renewal, refusal and another server', async () => {
      await programs[0]!.stop('SIGKILL');
      const range = '--dhcp-range=10.8.0.50,10.8.0.50,255.255.255.0,2m';
      const first = await dnsmasq([range, '--dhcp-option=option:dns-server,10.8.0.1']);
      await until(
        () => leased(one, 'addresses'),
        rows => rows.join('\n').includes(' eth1/10.8.0.50/24 '),
        RENEWAL,
      );
      expect(await resolvers(one)).toBe('nameserver 10.8.0.1\n');
      await first.stop('SIGKILL');

      // The same server knows better: the client comes back by itself at half of its lease.
      const renewing = await dnsmasq([range, '--dhcp-option=option:dns-server,10.8.0.9']);
      await until(
        () => resolvers(one),
        text => text === 'nameserver 10.8.0.9\n',
        RENEWAL,
      );
      expect(renewing.stderr).not.toContain(`DHCPDISCOVER(lan) ${hardwareAddress(2, 1)}`);
      await renewing.stop('SIGKILL');

      const refusing = await dnsmasq(['--dhcp-range=10.8.0.70,10.8.0.70,255.255.255.0,2m']);
      await until(
        () => leased(one, 'addresses'),
        rows => rows.join('\n').includes(' eth1/10.8.0.70/24 '),
        RENEWAL,
      );
      expect((await leased(one, 'addresses')).join('\n')).not.toContain('10.8.0.50');
      expect(refusing.stderr).toContain('DHCPNAK(lan) 10.8.0.50');
      await refusing.stop('SIGKILL');

      const station = await bed.lan.station();
      await station.ip('addr', 'add', '10.8.0.2/24', 'dev', 'eth0');
      await station.ip('link', 'set', 'eth0', 'up');
      await dnsmasq(
        ['--dhcp-range=10.8.0.70,10.8.0.70,255.255.255.0,2m', '--dhcp-option=option:dns-server,10.8.0.2'],
        station,
      );
      // The first server is gone: at its second time (T2) the client asks all of them.
      await until(
        () => resolvers(one),
        text => text === 'nameserver 10.8.0.2\n',
        RENEWAL,
      );
      expect((await leased(one, 'addresses')).join('\n')).toContain(' eth1/10.8.0.70/24 ');
      const log = await bed.ctl.output(one.address, 'logs', 'machined');
      expect(log).toContain('DHCP server on "eth1" changed from 10.8.0.1 to 10.8.0.2');
    }, 1_200_000);

    test('a shared address moves from one machine to the other on order, announced on the bridge', async () => {
      const [program, ...words] = bed.lan.command('tcpdump', '-n', '-e', '-l', '-i', 'lan', 'arp', 'and', 'host', VIP);
      const bridge = new RunningProcess(program, words);
      programs.push(bridge);
      await bridge.waitFor(({ stderr }) => stderr.includes('listening on'));
      await Promise.all([one, two].map((vm, index) => startDriver(vm, index + 2)));
      const holders = () =>
        Promise.all([one, two].map(async vm => (await vm.run('ip -br addr show dev eth2')).includes(`${VIP}/32`)));

      await order(one, 'take');
      expect(await holders()).toEqual([true, false]);
      await bed.lan.run('busybox', 'ping', '-c', '1', '-W', '5', VIP);
      await order(one, 'release');
      await order(two, 'take');
      expect(await holders()).toEqual([false, true]);
      await bed.lan.run('busybox', 'ping', '-c', '1', '-W', '5', VIP);
      for (const station of STATIONS) {
        const mac = hardwareAddress(station, 2);
        await bridge.waitFor(({ stdout }) => {
          const frames = stdout.split('\n').filter(line => line.includes(`${mac} > ff:ff:ff:ff:ff:ff`));
          return ['Request who-has', 'Reply'].every(word => frames.some(line => line.includes(`${word} ${VIP}`)));
        });
      }
    }, 600_000);

    /** A networkd for eth2 alone, which takes its commands from a file that grows. */
    async function startDriver(vm: Vm, station: number): Promise<void> {
      const config = `machine: {type: init, token: t, network: {interfaces: [{interface: eth2, cidr: 10.6.0.${station}/24, vip: {ip: ${VIP}}}]}}\ncluster: {}\n`;
      const cmdline = 'talos.network.interface.ignore=eth0 talos.network.interface.ignore=eth1';
      await vm.run(`
      chmod +x /driver/dhcp-hook
      mkdir -p /run/driver
      : >/run/driver/orders
      tail -f /run/driver/orders | node /driver/networkd.mjs /run/driver manage '${cmdline}' >/run/driver/events 2>&1 &
      for i in $(seq 600); do grep -q configured /run/driver/events && break; sleep 0.1; done`);
      await say(vm, { config });
      await vm.run(`for i in $(seq 600); do ip addr show dev eth2 | grep -q 10.6.0.${station}/24 && exit; sleep 0.1; done
      cat /run/driver/events; exit 1`);
    }

    const say = (vm: Vm, command: object) =>
      vm.run(`echo ${Buffer.from(JSON.stringify(command)).toString('base64')} | base64 -d >>/run/driver/orders
      echo >>/run/driver/orders`);

    /** Resolves when the order has been carried out. */
    async function order(vm: Vm, word: 'take' | 'release'): Promise<void> {
      await say(vm, { vip: { link: 'eth2', order: word } });
      await vm.run(`for i in $(seq 600); do tail -n 50 /run/driver/events | grep -q '"vip":"${word}"' && exit; sleep 0.1; done
      cat /run/driver/events; exit 1`);
    }
  },
);
