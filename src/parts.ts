import { join } from 'node:path';
import type { AuditLog } from './apid/audit-log.ts';
import type { Callers } from './apid/callers.ts';
import type { Handlers } from './apid/local.ts';
import { selfMatcher } from './apid/self.ts';
import { ApiServer } from './apid/server.ts';
import type { MachineConfig } from './config/schema/config.ts';
import { aborted } from './lib/abort.ts';
import type { Clock } from './lib/clock.ts';
import { TalosdError } from './lib/errors.ts';
import { parseIp } from './lib/ip.ts';
import { Scope } from './lib/scope.ts';
import { CertificateAuthority } from './pki/ca.ts';
import { isSanName } from './pki/san.ts';
import { accessLogger, type LogBuffers } from './services/log-buffers.ts';
import type { Part } from './services/runners/in-process.ts';
import { atomicWrite, readFileIfExists } from './system/files.ts';
import type { NetworkObserver } from './system/network.ts';
import type { NodePaths } from './system/paths.ts';
import { networkIssuer } from './trustd/network-issuer.ts';
import { NodeCertificates } from './trustd/node-certificates.ts';
import { TrustdServer } from './trustd/server.ts';
import { type Issuer, localIssuer } from './trustd/sign.ts';

/** Port of the node API (spec/api.md §1.1). */
export const API_PORT = 50000;

/** Where the CA that a worker first met is remembered (spec/machine-config.md §15). */
const PINNED_CA = '/system/state/pinned-ca.crt';

export interface PartsOptions {
  /** Address of ports 50000 and 50001; `::` for all. */
  readonly listenHost: string;
  readonly config: () => MachineConfig;
  readonly names: () => { dnsNames: string[]; ips: string[] };
  /** Calls its listener whenever `names` may say something else. */
  readonly onNamesChange: (listener: () => void) => () => void;
  readonly handlers: Handlers;
  readonly network: NetworkObserver;
  readonly callers: Callers;
  readonly audit: AuditLog;
  readonly logs: LogBuffers;
  readonly paths: NodePaths;
  readonly clock: Clock;
}

/** apid: the node's leaf, then port and socket, until it is stopped. */
export function apidPart(options: PartsOptions): Part {
  const { listenHost, handlers, network, callers, audit, logs, paths, clock } = options;
  const access = accessLogger(logs, 'apid', clock);
  const routerd = accessLogger(logs, 'routerd', clock);
  const machined = accessLogger(logs, 'machined', clock);
  const networkd = accessLogger(logs, 'networkd', clock);
  return {
    run: async (signal, ready, log) => {
      const certificates = new NodeCertificates({ names: options.names, issue: issuer(options, log), log, clock });
      await certificates.start();
      const unsubscribe = options.onNamesChange(() => certificates.refresh());
      const server = new ApiServer({
        listen: { host: listenHost, port: API_PORT },
        socketPath: paths.toHost('/system/run/apid/apid.sock'),
        certificates,
        handlers,
        isSelf: selfMatcher(listenHost, ownAddresses(network)),
        access: { apid: access, routerd, backend: part => (part === 'networkd' ? networkd : machined) },
        audit,
        log,
        callers,
        clock,
      });
      try {
        await server.start();
        ready();
        await aborted(signal);
      } finally {
        unsubscribe();
        await server.close();
        await certificates.close();
      }
    },
  };
}

/** trustd: port 50001 with a leaf that it signs for itself. */
export function trustdPart(options: PartsOptions): Part {
  const { listenHost, config, names, clock } = options;
  return {
    run: async (signal, ready, log) => {
      const ca = authority(config());
      if (!ca) throw new TalosdError('failed_precondition', 'trustd needs the key of the CA: machine.ca.key is empty');
      const certificates = new NodeCertificates({ names, issue: localIssuer(ca, clock), log, clock });
      await certificates.start();
      const token = config().machine?.token ?? '';
      const server = new TrustdServer({ host: listenHost, ca, token, certificates, log, clock });
      try {
        await server.listen();
        ready();
        await aborted(signal);
      } finally {
        await server.close();
        await certificates.close();
      }
    },
  };
}

/** networkd: the observer of the network lives and ends with it, and what runs on links ends with it. */
export function networkdPart(
  network: NetworkObserver,
  networkd: { close(): Promise<void> },
): Part & { isReady(): boolean } {
  let isReady = false;
  return {
    isReady: () => isReady,
    run: async (signal, ready) => {
      const scope = new Scope();
      try {
        await network.start(scope);
        isReady = true;
        ready();
        await aborted(signal);
      } finally {
        isReady = false;
        await networkd.close();
        await scope.close();
      }
    },
  };
}

/** A part that has nothing to start: what it stands for lives as long as the process. */
export function idlePart(): Part {
  return {
    run: async (signal, ready) => {
      ready();
      await aborted(signal);
    },
  };
}

/** Signs here where the key of the CA is, else asks the control plane. */
function issuer(options: PartsOptions, log: Parameters<Part['run']>[2]): Issuer {
  const { config, paths, clock } = options;
  const ca = authority(config());
  if (ca) return localIssuer(ca, clock);
  const { machine, cluster } = config();
  const pinned = paths.toHost(PINNED_CA);
  const configuredCa = machine?.ca?.crt;
  return networkIssuer({
    endpoints: async () => [new URL(cluster?.controlPlane?.endpoint ?? '').hostname.replace(/^\[|\]$/g, '')],
    token: machine?.token ?? '',
    configuredCa: configuredCa?.length ? Buffer.from(configuredCa) : undefined,
    pin: { load: () => readFileIfExists(pinned), save: bytes => atomicWrite(pinned, bytes, 0o600) },
    log,
    clock,
  });
}

/** The CA of this node where its config has the key too. */
export function authority(config: MachineConfig): CertificateAuthority | undefined {
  const pair = config.machine?.ca;
  if (!pair?.crt?.length || !pair.key?.length) return undefined;
  return new CertificateAuthority({ crt: Buffer.from(pair.crt), key: Buffer.from(pair.key) });
}

// More than any node has, and less than what peers refuse: OpenSSL takes 100 kB of certificates, trustd 1000 names.
const MOST_IPS = 500;
const MOST_NAMES = 200;

/**
 * Names and addresses that clients may use for this node (spec/api.md §1.2). What no certificate can carry is left out,
 * so that a slip in the config cannot keep the API from coming up.
 */
export function certificateNames(
  config: MachineConfig,
  machine: { hostnames: readonly string[]; domain: string; addresses: readonly string[]; overlay: readonly string[] },
): { dnsNames: string[]; ips: string[] } {
  const sans = config.machine?.certSANs ?? [];
  const isIp = (text: string) => parseIp(text) !== undefined;
  const { hostnames, domain } = machine;
  const names = hostnames.flatMap(name => (domain === '' || name.includes('.') ? [name] : [name, `${name}.${domain}`]));
  const dnsNames = new Set([...names, ...sans.filter(name => !isIp(name))].filter(isSanName));
  return {
    ips: [...new Set([...machine.addresses, ...machine.overlay, ...sans].filter(isIp))].slice(0, MOST_IPS),
    dnsNames: [...dnsNames].slice(0, MOST_NAMES),
  };
}

/** Every address of every link, loopback included: a call to one of them is a call to this node. */
export function ownAddresses(network: NetworkObserver): () => ReadonlySet<string> {
  let snapshot = network.snapshot;
  const collect = () => new Set(snapshot.links.flatMap(link => link.addresses.map(({ address }) => address)));
  let addresses = collect();
  return () => {
    if (network.snapshot !== snapshot) {
      snapshot = network.snapshot;
      addresses = collect();
    }
    return addresses;
  };
}

/** Where the audit log lies on the host. */
export function auditFile(paths: NodePaths): string {
  return join(paths.toHost('/system/state'), 'audit.log');
}
