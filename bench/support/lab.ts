import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import nodeFlags from '../../scripts/node-flags.json' with { type: 'json' };
import type { Scope } from '../../src/lib/scope.ts';
import { type Cluster, createCluster, randomAddress } from './cluster.ts';
import { LoadClient, type Target } from './h2-client.ts';
import { listening, ServerProcess } from './process.ts';

export const API_PORT = 50_000;
export const VERSION_PATH = '/machine.MachineService/Version';
/** With what `talosd run` and the images start Node. */
export const NODE_FLAGS: readonly string[] = nodeFlags;
const run = promisify(execFile);

/** A running node: the bundle, as `talosd run` and the images start it. */
export interface Agent {
  readonly host: string;
  readonly process: ServerProcess;
}

/** What the rows of one run share: a folder, one cluster, the bundle. Made when first needed, gone with the scope. */
export class Lab {
  readonly scope: Scope;
  /** Whether the long forms were asked for. */
  readonly isFull: boolean;
  readonly folder: string;
  readonly cluster: Cluster;
  #bundle: Promise<string> | undefined;

  private constructor(scope: Scope, folder: string, cluster: Cluster, isFull: boolean) {
    this.scope = scope;
    this.folder = folder;
    this.cluster = cluster;
    this.isFull = isFull;
  }

  static async create(scope: Scope, isFull: boolean): Promise<Lab> {
    const folder = await mkdtemp(join(tmpdir(), 'talosd-bench-'));
    scope.add(() => rm(folder, { recursive: true }));
    const cluster = await createCluster();
    await writeFile(join(folder, 'config.yaml'), cluster.config, { mode: 0o600 });
    return new Lab(scope, folder, cluster, isFull);
  }

  /** The bundle of the sources as they are now. */
  bundle(): Promise<string> {
    this.#bundle ??= this.#makeBundle();
    return this.#bundle;
  }

  /** A new node on an address of its own, listening. */
  async agent(scope: Scope, options: { state?: string; host?: string; env?: NodeJS.ProcessEnv } = {}): Promise<Agent> {
    const host = options.host ?? randomAddress();
    const bundle = await this.bundle();
    const state = options.state ?? join(this.folder, host);
    const args = ['run', '--listen', host, '--state', state, '--config', join(this.folder, 'config.yaml')];
    const server = ServerProcess.start(scope, [...NODE_FLAGS, bundle, ...args], options.env);
    await listening(host, API_PORT, server);
    return { host, process: server };
  }

  /** A connection to a server of this cluster; closed with `scope`. */
  async client(scope: Scope, target: Target): Promise<LoadClient> {
    const client = await LoadClient.open(target, this.cluster.admin);
    scope.add(() => client.close());
    return client;
  }

  async #makeBundle(): Promise<string> {
    const out = join(this.folder, 'dist');
    const script = new URL('../../scripts/bundle.mjs', import.meta.url).pathname;
    await run(process.execPath, [script, out]);
    return join(out, 'talosd.mjs');
  }
}
