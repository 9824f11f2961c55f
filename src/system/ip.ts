import { TalosdError } from '../lib/errors.ts';
import { type Exec, execError } from './exec.ts';
import { linksOf, type Operation, type Refusal, renderOperation } from './ip-operations.ts';
import { parseNetwork } from './ip-snapshot.ts';
import type { NetworkSnapshot } from './network-snapshot.ts';

const LISTING = 'addr show\nroute show table all\n';
const MAX_OUTPUT = 256 * 1024 * 1024;

/** What the kernel says when somebody else has done the same meanwhile (spec/network.md §5.3, §5.4). */
const ADDED_BEFORE = /File exists|already assigned/;
const REMOVED_BEFORE = /No such process|Cannot find device|No such device|Cannot assign requested address|not found/;

/**
 * Lists links, addresses and routes of this network namespace with all detail, by one run of `ip`. Undefined where there
 * is no iproute2.
 */
export async function listNetwork(exec: Exec): Promise<NetworkSnapshot | undefined> {
  const options = { timeoutMs: 10_000, maxOutput: MAX_OUTPUT, input: LISTING };
  const result = await exec('ip', ['-N', '-j', '-d', '-batch', '-'], options);
  if (result.errorCode === 'ENOENT') return undefined;
  if (result.failed) throw execError(result);
  return parseNetwork(result.stdout);
}

/**
 * Does all operations in order by one run of `ip -batch`, and goes on after a refusal. Returns what the kernel refused;
 * what was there (or gone) already counts as done. Throws when `ip` itself cannot run. `prepared` is what must be done
 * before: it is waited for while the lines are made.
 */
export async function applyOperations(
  exec: Exec,
  operations: readonly Operation[],
  prepared: Promise<void> = Promise.resolve(),
): Promise<Refusal[]> {
  const input = `${operations.map(renderOperation).join('\n')}\n`;
  await prepared;
  if (operations.length === 0) return [];
  const result = await exec('ip', ['-force', '-batch', '-'], { timeoutMs: 60_000, maxOutput: MAX_OUTPUT, input });
  if (result.errorCode !== undefined || result.timedOut || result.signal !== undefined) throw execError(result);
  if (!result.failed) return [];
  const refusals = parseRefusals(result.stderr, operations);
  if (refusals.length === 0 && !/^Command failed/m.test(result.stderr)) throw execError(result);
  return refusals;
}

/** Finds for every `Command failed -:<line>` its operation; the lines before it say why. */
function parseRefusals(stderr: string, operations: readonly Operation[]): Refusal[] {
  const refusals: Refusal[] = [];
  const missing = new Set<string>();
  let words: string[] = [];
  for (const line of stderr.split('\n')) {
    const number = /^Command failed -:(\d+)$/.exec(line)?.[1];
    if (number === undefined) {
      if (line.trim() !== '') words.push(line.trim());
      continue;
    }
    const operation = operations[Number(number) - 1];
    if (!operation) throw new TalosdError('internal', `ip reports line ${number} of ${operations.length}`);
    const message = words.join('; ').replace(/^Error: |^RTNETLINK answers: /, '') || 'refused';
    words = [];
    if (isDone(operation, message) || isConsequence(operation, message, missing)) continue;
    if (operation.kind === 'create-link') missing.add(operation.name);
    refusals.push({ operation, message });
  }
  return refusals;
}

function isDone(operation: Operation, message: string): boolean {
  switch (operation.kind) {
    case 'add-address':
    case 'add-route':
      return ADDED_BEFORE.test(message);
    case 'delete-address':
    case 'delete-route':
    case 'delete-link':
      return REMOVED_BEFORE.test(message);
    default:
      return false;
  }
}

/** A link that could not be created makes everything on it fail: said once, at the link. */
function isConsequence(operation: Operation, message: string, missing: ReadonlySet<string>): boolean {
  if (missing.size === 0 || !/Cannot find device|No such device|does not exist/.test(message)) return false;
  return linksOf(operation).some(link => missing.has(link));
}
