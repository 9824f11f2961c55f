import { parseCidr, parseIp } from '../lib/ip.ts';
import type { Findings } from './findings.ts';
import { machineType } from './machine-type.ts';
import type { MachineConfig } from './schema/config.ts';
import type { NetworkInterface } from './schema/network.ts';

const INTERFACES = 'machine.network.interfaces';

/** Rules 10–15 of machine-config.md §5, interface by interface. */
export function checkInterfaces(config: MachineConfig, findings: Findings): void {
  const interfaces = config.machine?.network?.interfaces ?? [];
  if (machineType(config) === 'join') {
    interfaces.forEach(({ vip }, index) => {
      if (!vip) return;
      const message = 'virtual (shared) IP is not allowed on non-controlplane nodes';
      findings.problem(`${INTERFACES}[${index}].vip`, message);
    });
  }
  const nulls = findings.positions?.nullEntries.filter(entry => entry.parent === INTERFACES) ?? [];
  for (let index = 0; index <= interfaces.length; index++) {
    for (const { keptBefore, path, position } of nulls) {
      if (keptBefore === index) findings.problemAt(position, path, 'empty device');
    }
    const entry = interfaces[index];
    if (entry && !entry.ignore) checkInterface(entry, `${INTERFACES}[${index}]`, findings);
  }
}

function checkInterface(entry: NetworkInterface, path: string, findings: Findings): void {
  const { interface: name = '', cidr = '', dhcp, vip } = entry;
  const quoted = JSON.stringify(name);
  if (name === '') findings.problem(path, '[networking.os.device.interface]: required config section');
  if (dhcp && cidr !== '') {
    findings.problem(`${path}.cidr`, `[networking.os.device] ${quoted}: invalid network device addressing method`);
  }
  if (cidr !== '' && !parseCidr(cidr)) {
    findings.problem(`${path}.cidr`, `[networking.os.device.CIDR] ${quoted}: invalid CIDR address: ${cidr}`);
  }
  const ip = vip?.ip ?? '';
  if (vip && !parseIp(ip)) {
    findings.problem(
      `${path}.vip.ip`,
      `[networking.os.device.vip] failed to parse ${JSON.stringify(ip)} as IP address`,
    );
  }
}

/** WireGuard peers must say `host:port` (machine-config.md §15); a bare name, which may be unfinished, gives a note. */
export function checkWireguard(config: MachineConfig, findings: Findings): void {
  config.machine?.network?.interfaces?.forEach(({ wireguard }, index) => {
    wireguard?.peers?.forEach(({ endpoint = '' }, peer) => {
      if (endpoint === '' || isHostPort(endpoint)) return;
      const path = `${INTERFACES}[${index}].wireguard.peers[${peer}].endpoint`;
      const typo = /^(.*[^:])[.,;/](\d{1,5})$/.exec(endpoint);
      const meant = typo ? `${typo[1]}:${typo[2]}` : '';
      const message = `invalid WireGuard endpoint ${JSON.stringify(endpoint)}: expected host:port`;
      if (isHostPort(meant) && !parseIp(endpoint)) findings.problem(path, message, `did you mean ${meant}?`);
      else if (endpoint.includes(':')) findings.problem(path, message);
      else findings.note(path, message);
    });
  });
}

function isHostPort(text: string): boolean {
  const [, bracketed, plain, port] = /^(?:\[([^\]]*)\]|([^:/\s]+)):(\d{1,5})$/.exec(text) ?? [];
  const isHost = bracketed === undefined ? plain !== undefined : parseIp(bracketed)?.family === 6;
  return isHost && Number(port) >= 1 && Number(port) <= 65535;
}
