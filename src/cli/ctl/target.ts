import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { resolve } from 'node:path';
import { parseTalosconfig, type Talosconfig } from '../../config/talosconfig.ts';
import { errorMessage, osError, TalosdError } from '../../lib/errors.ts';
import { parseIp } from '../../lib/ip.ts';
import type { Io } from '../command.ts';

/** What `--talosconfig`, `--context`, `--nodes` and `--endpoints` said. */
export interface TargetFlags {
  readonly talosconfig?: string | undefined;
  readonly context?: string | undefined;
  readonly nodes: readonly string[];
  readonly endpoints: readonly string[];
}

/** Whom a command talks to and with which credentials. */
export interface Target {
  /** Addresses to connect to, without port. */
  readonly endpoints: readonly string[];
  /** Nodes the call is for, as the user wrote them; empty: the endpoint itself, without `nodes` metadata. */
  readonly nodes: readonly string[];
  /** PEM. */
  readonly ca: Uint8Array;
  readonly crt: Uint8Array;
  readonly key: Uint8Array;
}

/** Where `make run` leaves the talosconfig of its node, relative to the working directory. */
const LOCAL_TALOSCONFIG = '.node/talosconfig';

/** The talosconfig to read: the flag, `$TALOSCONFIG`, that of `make run` where it exists, `~/.talos/config`. */
export function talosconfigPath(
  flag: string | undefined,
  io: Pick<Io, 'cwd' | 'env'>,
  exists: (path: string) => boolean = existsSync,
): string {
  const named = flag || io.env.TALOSCONFIG;
  if (named) return resolve(io.cwd, named);
  const local = resolve(io.cwd, LOCAL_TALOSCONFIG);
  return exists(local) ? local : resolve(io.env.HOME || homedir(), '.talos/config');
}

/**
 * Endpoints, nodes and credentials out of a talosconfig; flags win over the context (spec/api.md §1.6). One endpoint
 * alone may stand for its node; several without nodes are refused, since a call would reach any one of them.
 */
export function selectTarget(config: Talosconfig, path: string, flags: TargetFlags): Target {
  const name = flags.context || config.context;
  const context = config.contexts.get(name);
  if (!context) {
    const known = [...config.contexts.keys()].map(each => JSON.stringify(each)).join(', ');
    const what = name ? `context ${JSON.stringify(name)} is not defined` : 'no context is selected';
    throw invalid(`${what} in ${path}${known ? ` (it has ${known})` : ''}`);
  }
  const endpoints = flags.endpoints.length > 0 ? flags.endpoints : context.endpoints;
  const nodes = flags.nodes.length > 0 ? flags.nodes : context.nodes;
  if (endpoints.length === 0)
    throw invalid(`context ${JSON.stringify(name)} has no endpoints: name one with --endpoints`);
  endpoints.forEach(checkEndpoint);
  if (nodes.length === 0 && endpoints.length > 1) {
    throw invalid('nodes are not set for the command: there are several endpoints, so name the nodes with --nodes');
  }
  for (const part of ['ca', 'crt', 'key'] as const) {
    if (context[part].length === 0) throw invalid(`context ${JSON.stringify(name)} in ${path} has no ${part}`);
  }
  return { endpoints, nodes, ca: context.ca, crt: context.crt, key: context.key };
}

/** Reads the talosconfig that flags and surroundings name and selects from it. */
export function loadTarget(flags: TargetFlags, io: Pick<Io, 'cwd' | 'env'>): Target {
  const path = talosconfigPath(flags.talosconfig, io);
  return selectTarget(readTalosconfig(path), path, flags);
}

function readTalosconfig(path: string): Talosconfig {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const hint = 'name one with --talosconfig or TALOSCONFIG';
    throw invalid(`failed to open config file: ${osError('open', path, error).message} (${hint})`, error);
  }
  try {
    return parseTalosconfig(text);
  } catch (error) {
    throw invalid(`${path}: ${errorMessage(error)}`, error);
  }
}

/** Refuses what is no bare address or name: the API has one port. */
export function checkEndpoint(endpoint: string): void {
  const isName = /^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\.?$/.test(endpoint);
  if (isName || parseIp(endpoint)) return;
  throw invalid(`invalid endpoint ${JSON.stringify(endpoint)}: give an address or a name, without a port`);
}

const invalid = (message: string, cause?: unknown) => new TalosdError('invalid_argument', message, { cause });
