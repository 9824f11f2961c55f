import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import type { Scope } from '../../src/lib/scope.ts';

const START_MILLISECONDS = 20_000;
const STOP_MILLISECONDS = 5_000;

/** A server in a process of its own. */
export class ServerProcess {
  readonly child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.child = child;
  }

  /** Starts this Node with `args`; stopped with `scope`. What it says goes to standard error when it fails. */
  static start(scope: Scope, args: readonly string[], env: NodeJS.ProcessEnv = {}): ServerProcess {
    const child = spawn(process.execPath, args, {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      env: { ...process.env, ...env },
    });
    const server = new ServerProcess(child);
    scope.add(() => server.stop());
    return server;
  }

  /** Starts one of `bench/servers`, hands it `input` and waits for its first message. */
  static async serve(scope: Scope, name: string, input: object, flags: readonly string[] = []): Promise<ServerProcess> {
    const file = new URL(`../servers/${name}.ts`, import.meta.url).pathname;
    const server = ServerProcess.start(scope, [...flags, file]);
    server.child.send(input);
    const bound = AbortSignal.timeout(START_MILLISECONDS);
    const ended = once(server.child, 'exit', { signal: bound }).then(([code]) => {
      throw new Error(`${name} ended with code ${code}`);
    });
    await Promise.race([once(server.child, 'message', { signal: bound }), ended]);
    ended.catch(() => {}); // from now on its end is wanted
    return server;
  }

  /** Resident memory, MB (10^6 bytes). */
  get residentMegabytes(): number {
    const status = readFileSync(`/proc/${this.child.pid}/status`, 'utf8');
    return (Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024) / 1e6;
  }

  async stop(): Promise<void> {
    const { child } = this;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MILLISECONDS);
    await exited;
    clearTimeout(timer);
  }
}

/** Resolves as soon as somebody accepts connections there. */
export async function listening(host: string, port: number, server: ServerProcess): Promise<void> {
  const end = performance.now() + START_MILLISECONDS;
  while (!(await accepts(host, port))) {
    if (server.child.exitCode !== null)
      throw new Error(`the server on ${host} ended with code ${server.child.exitCode}`);
    if (performance.now() > end) throw new Error(`nobody listens on ${host}:${port}`);
    await new Promise(resolve => setTimeout(resolve, 1));
  }
}

function accepts(host: string, port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect({ host, port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
