import { randomInt } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ChannelCredentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { type LogsRequest, MachineServiceClient, type VersionResponse } from '../gen/machine/machine.ts';
import { systemClock } from '../lib/clock.ts';
import { silentLogger } from '../lib/logger.ts';
import { Scope } from '../lib/scope.ts';
import { CertificateAuthority, createCa, validFor } from '../pki/ca.ts';
import { tlsPrivateKey } from '../pki/keys.ts';
import { NodeCertificates } from '../trustd/node-certificates.ts';
import { localIssuer } from '../trustd/sign.ts';
import { AuditLog } from './audit-log.ts';
import type { Handlers } from './local.ts';
import { selfMatcher } from './self.ts';
import { ApiServer } from './server.ts';

/** A node of a test bed: a real server on a loopback address of its own. */
export interface BedNode {
  readonly ip: string;
  readonly server: ApiServer;
  /** Lines by log: `apid`, `machined`, … */
  readonly lines: Readonly<Record<string, string[]>>;
  readonly socketPath: string;
  /** Gives the node one more name, so that it gets a new leaf; resolves when the leaf is there. */
  rotate(): Promise<void>;
  /** The audit log as it is on the disk. */
  audit(): Promise<Record<string, unknown>[]>;
}

/** A client certificate and the authority it was signed by. */
export interface BedClient {
  readonly ca: Buffer;
  readonly crt: Buffer;
  readonly key: string;
}

/** Nodes that share an authority and a port, on random loopback addresses; closing the scope ends all of them. */
export class Bed {
  readonly scope: Scope;
  readonly ca: CertificateAuthority;
  readonly port = randomInt(20_000, 32_000);
  readonly #folder: string;

  private constructor(scope: Scope, ca: CertificateAuthority, folder: string) {
    this.scope = scope;
    this.ca = ca;
    this.#folder = folder;
  }

  static async create(): Promise<Bed> {
    const scope = new Scope(error => {
      throw error;
    });
    const folder = await mkdtemp(join(tmpdir(), 'apid-'));
    scope.add(() => rm(folder, { recursive: true }));
    return new Bed(scope, await createAuthority(), folder);
  }

  /** A loopback address that nobody else uses. */
  address(): string {
    return `127.${randomInt(1, 255)}.${randomInt(0, 255)}.${randomInt(2, 255)}`;
  }

  /** What is said of an address where nobody listens. */
  refusedAt(ip: string): string {
    return `connection error: desc = "transport: Error while dialing dial tcp ${ip}:${this.port}: connect: connection refused"`;
  }

  async node(handlers: Handlers, dialTimeoutMilliseconds = 500): Promise<BedNode> {
    const ip = this.address();
    const dnsNames = ['bed-node'];
    const certificates = new NodeCertificates({
      names: () => ({ dnsNames, ips: [ip, 'fd00::2'] }),
      issue: localIssuer(this.ca, systemClock),
      log: silentLogger,
      clock: systemClock,
    });
    await certificates.start();
    this.scope.add(() => certificates.close());
    const path = join(this.#folder, ip, 'audit.log');
    const onError = (error: Error) => {
      throw error;
    };
    const audit = new AuditLog({ path, clock: systemClock, redactConfig: config => config, onError });
    this.scope.add(() => audit.close());
    const lines: Record<string, string[]> = { apid: [], routerd: [], machined: [], networkd: [], timed: [] };
    const sink = (log: string) => ({ info: (line: string) => void lines[log]!.push(line) });
    const socketPath = join(this.#folder, ip, 'apid.sock');
    const server = new ApiServer({
      listen: { host: ip, port: this.port },
      peerPort: this.port,
      socketPath,
      certificates,
      handlers,
      isSelf: selfMatcher(ip, () => new Set()),
      access: { apid: sink('apid'), routerd: sink('routerd'), backend: sink },
      audit,
      log: silentLogger,
      clock: systemClock,
      dialTimeoutMilliseconds,
    });
    await server.start();
    this.scope.add(() => server.close(100));
    const records = async () => {
      for await (const _ of audit.read({ tailLines: 0, follow: false })) void _; // reading waits for what was appended
      const text = await readFile(path, 'utf8').catch(() => '');
      return text
        .split('\n')
        .filter(Boolean)
        .map(line => JSON.parse(line) as Record<string, unknown>);
    };
    const rotate = () =>
      new Promise<void>(resolve => {
        const stop = certificates.onChange(() => resolve(stop()));
        dnsNames.push(`name-${dnsNames.length}`);
        certificates.refresh();
      });
    return { ip, server, lines, socketPath, rotate, audit: records };
  }

  async clientCertificate(ca = this.ca, hours = 1, backdatedHours = 0): Promise<BedClient> {
    const validity = validFor(Date.now(), hours, backdatedHours);
    const pair = await ca.issue({ subject: { organizations: ['tester'] }, validity, dnsNames: [], ips: ['127.0.0.1'] });
    return { ca: this.ca.crt, crt: pair.crt, key: tlsPrivateKey(pair.key) };
  }

  /** A client of `node`, as talosctl would be. */
  async client(node: { ip: string }, identity?: BedClient): Promise<MachineServiceClient> {
    const { ca, crt, key } = identity ?? (await this.clientCertificate());
    const credentials = ChannelCredentials.createSsl(ca, Buffer.from(key), crt);
    return this.#keep(new MachineServiceClient(`${node.ip}:${this.port}`, credentials, CLIENT_OPTIONS));
  }

  unixClient(node: BedNode): MachineServiceClient {
    return this.#keep(new MachineServiceClient(`unix:${node.socketPath}`, ChannelCredentials.createInsecure()));
  }

  #keep(client: MachineServiceClient): MachineServiceClient {
    this.scope.add(() => client.close());
    return client;
  }
}

const CLIENT_OPTIONS = { 'grpc.use_local_subchannel_pool': 1, 'grpc.ssl_target_name_override': 'bed-node' };

export async function createAuthority(): Promise<CertificateAuthority> {
  const validity = validFor(Date.now(), 24, 1);
  return new CertificateAuthority(
    await createCa({ algorithm: 'ed25519', subject: { organizations: ['talos'] }, validity }),
  );
}

/** Metadata with `nodes`, as the Go client sends it. */
export function nodes(...names: string[]): Metadata {
  const metadata = new Metadata();
  for (const name of names) metadata.add('nodes', name);
  return metadata;
}

/** What a failed call was told. */
export async function failureOf(promise: Promise<unknown>): Promise<{ code: number; details: string }> {
  try {
    await promise;
  } catch (error) {
    const { code, details } = error as ServiceError;
    return { code, details };
  }
  throw new Error('the call did not fail');
}

/** One Version call. */
export function version(
  client: MachineServiceClient,
  metadata = new Metadata(),
  deadline?: number,
): Promise<VersionResponse> {
  return new Promise((resolve, reject) => {
    client.version({}, metadata, { deadline }, (error, reply) => (error ? reject(error) : resolve(reply)));
  });
}

/** One raw unary call by path. */
export function raw(
  client: MachineServiceClient,
  path: string,
  metadata = new Metadata(),
  request = Buffer.alloc(0),
): Promise<Buffer> {
  const same = (bytes: Buffer) => bytes;
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, same, same, request, metadata, (error, reply) =>
      error ? reject(error) : resolve(reply!),
    );
  });
}

/** `[host name, error or tag]` of each element, in order of host name. */
export function summary(reply: VersionResponse): [string | undefined, string | undefined][] {
  return reply.messages
    .map(({ metadata, version: info }): [string | undefined, string | undefined] => [
      metadata?.hostname,
      metadata?.error || info?.tag,
    ])
    .sort();
}

export const anyLogs: LogsRequest = { namespace: 'system', id: 'apid', driver: 0, follow: true, tailLines: -1 };
