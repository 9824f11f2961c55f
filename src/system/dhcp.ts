import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Clock } from '../lib/clock.ts';
import { errorMessage, TalosdError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { type DhcpReport, DhcpReportReader } from './dhcp-reports.ts';
import { type Exec, type ExecResult, exec, startProgram } from './exec.ts';
import { atomicWrite, ensureDir, errnoOf } from './files.ts';
import { setIpv6Setting } from './link-settings.ts';

/** How to run a DHCPv4 client. */
export interface Dhcp4Options {
  readonly link: string;
  /** Address to ask for first, that of a lease which still holds. */
  readonly address?: string;
  readonly onReport: (report: DhcpReport) => void;
}

/** A running DHCPv4 client. */
export interface Dhcp4Client {
  /** Resolves with the reason when the client has ended, by `stop` too. */
  readonly ended: Promise<string>;
  /** Makes it renew its lease now, or look for a server now where it has none. */
  renew(): void;
  stop(): void;
}

/** The DHCP clients of this machine; they change nothing of the system. Rooms take this type. */
export interface DhcpClients {
  startDhcp4(options: Dhcp4Options): Dhcp4Client;
  /** One whole exchange from SOLICIT to REPLY, never another message; throws where no server gives an address. */
  exchangeDhcp6(link: string, hardwareAddress: string, signal: AbortSignal): Promise<DhcpReport>;
}

/** What the clients need. The programs are replaced in tests only. */
export interface DhcpClientsOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Folder for our own files of them. */
  readonly folder: string;
  /** Whether to ask for the MTU: not everywhere do servers answer who asks (spec/network.md §5.5). */
  readonly asksMtu: boolean;
  readonly startProgram?: typeof startProgram;
  readonly exec?: Exec;
}

/** Where dhcpcd keeps what it remembers of leases; not configurable. */
const DHCPCD_LEASES = '/var/lib/dhcpcd';

/** Waits of 5, 10 and 20 seconds (spec/network.md §5.6), and a second in which dhcpcd holds back its first message. */
const EXCHANGE_TIME = 36_000;

/** Stands beside this module, in the bundle too. */
const HOOK = fileURLToPath(new URL('./dhcp-hook', import.meta.url));

/** Options besides those that udhcpc asks for itself (netmask, router, DNS). */
const ASKED = ['staticroutes', 'search', 'ntpsrv', 'hostname', 'domain'];

/**
 * No remembered lease, no advertisements of routers, no release: a SOLICIT at once, and nothing after the REPLY
 * (spec/disks-and-images.md §10.3 says which servers need that).
 */
const DHCPCD_CONFIG = `ipv6only
noipv6rs
noconfigure
persistent
noauthrequired
option dhcp6_name_servers, dhcp6_domain_search, dhcp6_fqdn
ia_na
`;

/** udhcpc of busybox, resident, for IPv4; dhcpcd, one run an exchange, for IPv6. */
export function systemDhcpClients(options: DhcpClientsOptions): DhcpClients {
  const start = options.startProgram ?? startProgram;
  return {
    startDhcp4: ({ link, address, onReport }) => {
      const asked = options.asksMtu ? [...ASKED, 'mtu'] : ASKED;
      const reader = new DhcpReportReader(onReport);
      const last = new LastLine();
      const program = start(
        'busybox',
        // No client id and no vendor class, so that reservations by hardware address match.
        ['udhcpc', '-i', link, '-f', '-t', '3', '-T', '5', '-A', '20', '-C', '-V', '', '-s', HOOK]
          .concat(asked.flatMap(option => ['-O', option]))
          .concat(address === undefined ? [] : ['-r', address]),
        line => reader.line(line),
        { onErrorLine: last.take },
      );
      let isRunning = program.pid !== undefined;
      const ended = program.ended.then(result => {
        isRunning = false;
        return last.reason(result);
      });
      return {
        ended,
        renew: () => {
          if (isRunning) signalProcess(program.pid!, 'SIGUSR1');
        },
        stop: () => program.kill(),
      };
    },
    exchangeDhcp6: (link, hardwareAddress, signal) => exchangeDhcp6(options, link, hardwareAddress, signal),
  };
}

async function exchangeDhcp6(
  { clock, logger, folder, startProgram: start = startProgram, exec: run = exec }: DhcpClientsOptions,
  link: string,
  hardwareAddress: string,
  signal: AbortSignal,
): Promise<DhcpReport> {
  // The default route comes from routers alone, and a machine that forwards does not listen to them otherwise.
  await setIpv6Setting(run, link, 'accept_ra', 2).catch((error: unknown) => {
    logger.warn(`routers on ${link} may not be heeded: ${errorMessage(error)}`); // /proc/sys may be read-only
  });
  await ensureDir(folder, 0o700);
  const config = join(folder, `dhcpcd-${link}.conf`);
  await atomicWrite(config, `${clientId(hardwareAddress)}\n${DHCPCD_CONFIG}`);
  await rm(join(DHCPCD_LEASES, `${link}.lease6`), { force: true });
  let reply: DhcpReport | undefined;
  const reader = new DhcpReportReader(report => {
    if (report.event === 'BOUND6') reply = report;
  });
  const last = new LastLine();
  const args = ['-6', '-B', '-1', '-f', config, '-c', HOOK, '--', link];
  const program = start('dhcpcd', args, line => reader.line(line), { signal, onErrorLine: last.take });
  let isLate = false;
  const cancel = clock.after(EXCHANGE_TIME, () => {
    isLate = true;
    program.kill();
  });
  const result = await program.ended;
  cancel();
  signal.throwIfAborted();
  if (reply) return reply;
  const reason = isLate ? 'no server gave an address in time' : last.reason(result);
  throw new TalosdError(isLate ? 'deadline_exceeded' : 'unavailable', reason);
}

/** A DUID that is the link's own and the same each time (spec/network.md §5.6). */
function clientId(hardwareAddress: string): string {
  const isEthernet = /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(hardwareAddress);
  return isEthernet ? `duid 00:03:00:01:${hardwareAddress}` : 'duid ll';
}

function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH') throw error; // it has ended this very moment
  }
}

/** The last thing a program said, which is why it ended. */
class LastLine {
  #line = '';

  readonly take = (line: string): void => {
    this.#line = line.trim() || this.#line;
  };

  reason({ shortMessage, failed, errorCode }: ExecResult): string {
    if (errorCode !== undefined || this.#line === '') return shortMessage || 'it ended';
    return failed ? `${this.#line} (${shortMessage})` : this.#line;
  }
}
