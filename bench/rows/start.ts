import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { build } from 'esbuild';
import { Scope } from '../../src/lib/scope.ts';
import { atMost, median, type Row } from '../row.ts';
import { randomAddress } from '../support/cluster.ts';
import { API_PORT, type Lab } from '../support/lab.ts';
import { listening, ServerProcess } from '../support/process.ts';

const STARTS = 5;
const LIMIT_MILLISECONDS = 300;

/** Process start to API listening, with and without a compile cache, beside an empty Node and a bare grpc-js server. */
export async function* startRows(lab: Lab): AsyncGenerator<Row> {
  const cache = { NODE_COMPILE_CACHE: join(lab.folder, 'compile-cache') };
  const bare = await bundleBare(lab);
  const state = join(lab.folder, 'start');
  const host = randomAddress();
  const startAgent = async (env?: NodeJS.ProcessEnv) => {
    await lab.bundle();
    return timed(async scope => void (await lab.agent(scope, { host, state, env })));
  };
  const startBare = (env?: NodeJS.ProcessEnv) =>
    timed(async scope => {
      const address = randomAddress();
      await listening(address, API_PORT, ServerProcess.start(scope, [bare, `${address}:${API_PORT}`], env));
    });
  await startAgent(cache);
  await startAgent(cache); // Node writes the cache when the first process ends
  await startBare(cache);
  const times: Record<'node' | 'bare' | 'agent' | 'bareCached' | 'agentCached', number[]> = {
    node: [],
    bare: [],
    agent: [],
    bareCached: [],
    agentCached: [],
  };
  for (let turn = 0; turn < STARTS; turn++) {
    times.node.push(emptyNode());
    times.bare.push(await startBare());
    times.agent.push(await startAgent());
    times.bareCached.push(await startBare(cache));
    times.agentCached.push(await startAgent(cache));
  }
  const limit = LIMIT_MILLISECONDS;
  yield atMost('start to listening, empty Node beside it (ms)', median(times.agent), limit, median(times.node));
  yield atMost('start to listening, bare grpc-js beside it (ms)', median(times.agent), limit, median(times.bare));
  const [cached, bareCached] = [median(times.agentCached), median(times.bareCached)];
  yield atMost('start to listening with a compile cache, bare likewise (ms)', cached, limit, bareCached);
}

/** Milliseconds until `start` is done; what it started ends after that. */
async function timed(start: (scope: Scope) => Promise<void>): Promise<number> {
  const scope = new Scope();
  const begin = performance.now();
  try {
    await start(scope);
    return performance.now() - begin;
  } finally {
    await scope.close();
  }
}

function emptyNode(): number {
  const begin = performance.now();
  execFileSync(process.execPath, ['-e', '0']);
  return performance.now() - begin;
}

async function bundleBare(lab: Lab): Promise<string> {
  const outfile = join(lab.folder, 'bare.mjs');
  await build({
    entryPoints: [new URL('../servers/bare-start.ts', import.meta.url).pathname],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    logLevel: 'warning',
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  });
  return outfile;
}
