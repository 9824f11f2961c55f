import { type Change, changedPaths } from './changes.ts';
import type { MachineConfig } from './schema/config.ts';

/** What a changed value needs until it takes effect: nothing, a service started anew, the next boot, a reset of the node. */
export type Need = 'now' | 'restart' | 'reboot' | 'reset';

/** One changed path and what it needs. */
export interface PlannedChange extends Change {
  readonly need: Need;
  /** The service to start anew, with `restart` only. */
  readonly service: string | undefined;
  /** Whether immediate mode takes it: it is live, or it waits for the next boot without any harm. */
  readonly isLive: boolean;
  /** One line on why it waits or cannot be live; may be empty. */
  readonly reason: string;
}

interface Rule {
  readonly need: Need;
  readonly service?: string;
  /** Immediate mode stores it and says that it waits; without this what needs more than a service is refused there. */
  readonly waits?: boolean;
  readonly reason?: string;
}

/** Rules that depend on the change itself look at both configs. */
type RuleOf = (change: Change, current: MachineConfig, next: MachineConfig) => Rule;

const NOW: Rule = { need: 'now' };
const REBOOT: Rule = { need: 'reboot' };
const AT_INSTALL: Rule = { need: 'reset', reason: 'used when the machine is installed' };
const AT_FORMAT: Rule = { need: 'reset', reason: 'a partition is encrypted when it is made' };
const AT_START: Rule = { need: 'reboot', waits: true, reason: 'read when the node starts' };

/**
 * The one table from config paths to what a change of them needs (machine-config.md §12.2, issue 4). The first row whose
 * path is the changed one, or lies above it, decides.
 */
export const NEEDS: readonly (readonly [path: string, rule: Rule | RuleOf])[] = [
  ['version', NOW],
  ['debug', REBOOT],
  ['persist', { need: 'now', reason: 'looked at by each boot' }],
  ['machine.type', REBOOT],
  ['machine.token', REBOOT],
  ['machine.ca', REBOOT],
  ['machine.certSANs', NOW],
  ['machine.kubelet', REBOOT],
  ['machine.network', NOW],
  ['machine.disks', { need: 'reboot', reason: 'partitions that exist are kept' }],
  ['machine.install', AT_INSTALL],
  ['machine.files', fileRule],
  ['machine.env', { need: 'now', reason: 'running services keep the old value until they start again' }],
  ['machine.time', { need: 'restart', service: 'timed' }],
  ['machine.sysctls', sysctlRule],
  ['machine.registries', { need: 'restart', service: 'cri' }],
  ['machine.systemDiskEncryption.state.provider', AT_FORMAT],
  ['machine.systemDiskEncryption.state.cipher', AT_FORMAT],
  ['machine.systemDiskEncryption.ephemeral.provider', AT_FORMAT],
  ['machine.systemDiskEncryption.ephemeral.cipher', AT_FORMAT],
  ['machine.systemDiskEncryption', REBOOT],
  ['cluster.etcd', AT_START],
  ['cluster.allowSchedulingOnMasters', AT_START],
  ['cluster', NOW],
];

/** Anything that the table does not know is left to the next boot. */
const UNKNOWN: Rule = REBOOT;

export interface PlanOptions {
  /** Whether this node has a service; what would restart one that it lacks is just stored. Default: it has all. */
  readonly hasService?: (id: string) => boolean;
}

/** What it takes to get from `current` to `next`, a line for each changed path, sorted by path; secrets are redacted. */
export function planChange(current: MachineConfig, next: MachineConfig, options: PlanOptions = {}): PlannedChange[] {
  const hasService = options.hasService ?? (() => true);
  return changedPaths(current, next)
    .map(change => {
      const found = ruleFor(change.path);
      const rule = typeof found === 'function' ? found(change, current, next) : found;
      const isIdle = rule.service !== undefined && !hasService(rule.service);
      return {
        ...change,
        need: isIdle ? ('now' as const) : rule.need,
        service: isIdle ? undefined : rule.service,
        isLive: rule.need === 'now' || rule.need === 'restart' || rule.waits === true,
        reason: rule.reason ?? '',
      };
    })
    .sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
}

/** Whether `path` is `section` or lies in it. */
export function isWithin(path: string, section: string): boolean {
  return path === section || (path.startsWith(section) && '.['.includes(path[section.length]!));
}

function ruleFor(path: string): Rule | RuleOf {
  return NEEDS.find(([section]) => isWithin(path, section))?.[1] ?? UNKNOWN;
}

/**
 * Files under /var are written at once; others are mounted over what the system has, at boot (machine-config.md §14.1).
 * A list is compared entry by entry, so one that only moved shows as changed: what counts is whether those others do.
 */
function fileRule({ to }: Change, current: MachineConfig, next: MachineConfig): Rule {
  if (overSystem(current) !== overSystem(next)) {
    return { need: 'reboot', reason: 'files outside /var are put in place at boot' };
  }
  return to === undefined ? { need: 'now', reason: 'a file that was written stays' } : NOW;
}

/** Text that is equal exactly when two configs have the same files outside /var. */
function overSystem({ machine }: MachineConfig): string {
  const files = (machine?.files ?? []).filter(({ path }) => !isUnderVar(path ?? ''));
  return JSON.stringify(files.map(({ path, op, content, permissions }) => [path, op, content, permissions ?? 0]));
}

/** Whether a file of `machine.files` lies under /var. */
function isUnderVar(path: string): boolean {
  return /^\/*var\//.test(path) && !path.split('/').includes('..');
}

function sysctlRule({ to }: Change): Rule {
  if (to !== undefined) return NOW;
  return { need: 'reboot', waits: true, reason: 'the kernel keeps the value until then' };
}
