import { errorList, TalosdError } from '../lib/errors.ts';
import { parseIp } from '../lib/ip.ts';
import { isSanName } from '../pki/san.ts';
import { keySlot } from './defaults.ts';
import type { Findings } from './findings.ts';
import { MACHINE_TYPE_WORDS } from './machine-type.ts';
import type { Problem } from './problem.ts';
import type { MachineConfig } from './schema/config.ts';
import type { SourceMap } from './source-map.ts';
import { checkCluster, checkDnsDomain } from './validate-cluster.ts';
import { checkInterfaces, checkWireguard } from './validate-network.ts';

/** Where the machine runs, as far as a configuration cares (machine-config.md §5.1). */
export type RuntimeMode = 'metal' | 'cloud' | 'container';

export interface ValidateOptions {
  readonly mode: RuntimeMode;
  /** Whether the install disk is there; asked in metal mode only, also for the empty path. */
  readonly diskExists: (path: string) => boolean;
  /** Where values stand, from `decodeConfig`; without it problems have line 0. */
  readonly positions?: SourceMap;
}

export interface Validation {
  /** What is wrong, in the order of machine-config.md §5, then what §15 adds. */
  readonly problems: Problem[];
  /** Warnings. */
  readonly notes: Problem[];
}

/** Reads a mode as users write it; case counts. */
export function parseRuntimeMode(text: string): RuntimeMode {
  if (text === 'metal' || text === 'cloud' || text === 'container') return text;
  throw new TalosdError('invalid_argument', `unknown runtime mode: ${JSON.stringify(text)}`);
}

/** Applies every rule of machine-config.md §5 and §15 to a loaded config; never throws. */
export function validateConfig(config: MachineConfig, options: ValidateOptions): Validation {
  const problems: Problem[] = [];
  const notes: Problem[] = [];
  const at = (path: string) => options.positions?.locate(path) ?? { file: '', line: 0, column: 0 };
  const findings: Findings = {
    positions: options.positions,
    problem: (path, message, hint) => problems.push({ ...at(path), path, message, hint }),
    problemAt: (position, path, message) => problems.push({ ...position, path, message }),
    note: (path, message, hint) => notes.push({ ...at(path), path, message, hint }),
  };
  if (!config.machine) findings.problem('machine', 'machine instructions are required');
  if (!config.cluster) findings.problem('cluster', 'cluster instructions are required');
  checkCluster(config, findings, () => checkInstall(config, options, findings));
  checkInterfaces(config, findings);
  checkPartitions(config, findings);
  checkDnsDomain(config, findings);
  checkEphemeralKeys(config, findings);
  checkMachineType(config, findings);
  checkNullEntries(findings);
  checkWireguard(config, findings);
  checkNames(config, findings);
  return { problems, notes };
}

/**
 * The problems as the wire shows them (machine-config.md §5): the list form, each line the message and, in brackets,
 * `file:line:column: path`, where the position is known. Hints stand between the two, after a semicolon.
 */
export function validationErrorText(problems: readonly Problem[]): string {
  return errorList(
    problems.map(({ message, hint, file, line, column, path }) => {
      const text = hint ? `${message}; ${hint}` : message;
      return line > 0 ? `${text} (${file}:${line}:${column}: ${path})` : text;
    }),
  );
}

/** Names for the certificate of the node API that it cannot carry are left out there. */
function checkNames(config: MachineConfig, findings: Findings): void {
  config.machine?.certSANs?.forEach((name, index) => {
    if (isSanName(name) || parseIp(name)) return;
    findings.note(`machine.certSANs[${index}]`, `${JSON.stringify(name)} is no name that a certificate can carry`);
  });
}

/** Rules 5–7. */
function checkInstall(config: MachineConfig, options: ValidateOptions, findings: Findings): void {
  if (options.mode !== 'metal' || !config.machine) return;
  const { install } = config.machine;
  if (!install) {
    findings.problem('machine.install', 'install instructions are required in "metal" mode');
    return;
  }
  const disk = install.disk ?? '';
  if (disk === '') findings.problem('machine.install.disk', 'an install disk is required in "metal" mode');
  if (!options.diskExists(disk)) {
    findings.problem('machine.install.disk', `specified install disk does not exist: ${JSON.stringify(disk)}`);
  }
}

/** Rule 16. */
function checkPartitions(config: MachineConfig, findings: Findings): void {
  config.machine?.disks?.forEach(({ device = '', partitions = [] }, disk) => {
    partitions.slice(0, -1).forEach(({ size = 0n }, partition) => {
      if (size !== 0n) return;
      findings.problem(
        `machine.disks[${disk}].partitions[${partition}].size`,
        `partition for disk ${JSON.stringify(device)} is set to occupy full disk, but it's not the last partition in the list`,
      );
    });
  });
}

/** Rules 18–20. */
function checkEphemeralKeys(config: MachineConfig, findings: Findings): void {
  const ephemeral = config.machine?.systemDiskEncryption?.ephemeral;
  if (!ephemeral) return;
  const path = 'machine.systemDiskEncryption.ephemeral.keys';
  const keys = ephemeral.keys ?? [];
  const hasNulls = findings.positions?.nullEntries.some(entry => entry.parent === path) ?? false;
  if (keys.length === 0 && !hasNulls) {
    findings.problem(path, 'no encryption keys provided for the ephemeral partition encryption');
  }
  const slots = new Set<number>();
  keys.forEach((key, index) => {
    const slot = keySlot(key);
    if (slots.has(slot)) findings.problem(`${path}[${index}].slot`, `encryption key slot ${slot} is already in use`);
    slots.add(slot);
    if (!key.static && !key.nodeID) {
      findings.problem(`${path}[${index}]`, `encryption key at slot ${slot} doesn't have any settings`);
    }
  });
}

/** The words of §15. */
function checkMachineType(config: MachineConfig, findings: Findings): void {
  const word = config.machine?.type ?? '';
  if (word === '' || MACHINE_TYPE_WORDS.includes(word)) return;
  findings.problem(
    'machine.type',
    `unknown machine type ${JSON.stringify(word)}: expected one of ${MACHINE_TYPE_WORDS.join(', ')}`,
  );
}

/** Null entries of lists and maps of mappings (§5); those of `interfaces` are rule 11. */
function checkNullEntries(findings: Findings): void {
  for (const { parent, path, position } of findings.positions?.nullEntries ?? []) {
    if (parent === 'machine.network.interfaces') continue;
    const name = path.slice(Math.max(parent.lastIndexOf('.') + 1, 0));
    findings.problemAt(position, path, `${name} is empty`);
  }
}
