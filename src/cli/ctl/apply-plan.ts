import type { Duration } from '../../gen/google/protobuf/duration.ts';
import { ApplyMode } from '../../gen/talosd/v1/talosd.ts';
import { parseDuration } from '../../lib/duration.ts';
import { TalosdError } from '../../lib/errors.ts';
import { type InsecureTarget, insecureTarget } from './insecure-target.ts';

/** The flags of `apply-config`. */
export interface ApplyFlags {
  readonly file: string | undefined;
  readonly mode: string | undefined;
  readonly immediate: boolean;
  readonly onReboot: boolean;
  readonly dryRun: boolean;
  readonly try: string | undefined;
  readonly rollback: boolean;
  readonly confirm: boolean;
  readonly insecure: boolean;
  readonly fingerprints: readonly string[];
  /** What `--nodes` named. */
  readonly nodes: readonly string[];
}

/** The one call that the flags ask for. */
export type ApplyPlan =
  | { kind: 'confirm' }
  | { kind: 'dry-run'; file: string; mode: ApplyMode }
  | { kind: 'try'; file: string; timeout: Duration | undefined; rollback: boolean }
  | {
      kind: 'apply';
      file: string;
      immediate: boolean;
      onReboot: boolean;
      insecure: InsecureTarget | undefined;
    };

const MODES: Record<string, ApplyMode> = {
  reboot: ApplyMode.REBOOT,
  immediate: ApplyMode.IMMEDIATE,
  'on-reboot': ApplyMode.ON_REBOOT,
};

/** Makes sense of the flags, or says in one line why they make none. */
export function planApply(flags: ApplyFlags): ApplyPlan {
  const mode = chosenMode(flags);
  const special = [
    flags.dryRun && '--dry-run',
    flags.try !== undefined && '--try',
    !flags.rollback && '--no-rollback',
    flags.confirm && '--confirm',
    flags.insecure && '--insecure',
  ].filter(name => name !== false);
  if (special.length > 1) throw invalid(`${special[0]} and ${special[1]} exclude each other`);
  const insecure = insecureTarget(flags);

  if (flags.confirm) {
    if (flags.file !== undefined) throw invalid('--confirm takes no file: it keeps the config that is on trial');
    if (mode !== undefined) throw invalid('--confirm takes no mode');
    return { kind: 'confirm' };
  }
  if (!flags.file) throw invalid('no filename supplied for configuration');
  if (flags.dryRun) return { kind: 'dry-run', file: flags.file, mode: mode ?? ApplyMode.REBOOT };
  if (flags.try !== undefined || !flags.rollback) {
    if (mode !== undefined && mode !== ApplyMode.IMMEDIATE)
      throw invalid(`${special[0]} applies without a reboot only`);
    const timeout = flags.try === undefined ? undefined : tryTimeout(flags.try);
    return { kind: 'try', file: flags.file, timeout, rollback: flags.rollback };
  }
  return {
    kind: 'apply',
    file: flags.file,
    immediate: mode === ApplyMode.IMMEDIATE,
    onReboot: mode === ApplyMode.ON_REBOOT,
    insecure,
  };
}

function chosenMode(flags: ApplyFlags): ApplyMode | undefined {
  const named = [flags.mode, flags.immediate && 'immediate', flags.onReboot && 'on-reboot'].filter(Boolean) as string[];
  const modes = [...new Set(named)];
  if (modes.length > 1) throw invalid(`modes ${modes.join(' and ')} exclude each other`);
  const [mode] = modes;
  if (mode === undefined) return undefined;
  if (!Object.hasOwn(MODES, mode)) {
    throw invalid(`invalid argument ${JSON.stringify(mode)} for "--mode": reboot, immediate or on-reboot`);
  }
  return MODES[mode];
}

function tryTimeout(text: string): Duration {
  const duration = parseDuration(text);
  if (duration === undefined || duration < 0n) {
    throw invalid(`invalid argument ${JSON.stringify(text)} for "--try": a duration such as 2m is expected`);
  }
  return { seconds: duration / 1_000_000_000n, nanos: Number(duration % 1_000_000_000n) };
}

const invalid = (message: string) => new TalosdError('invalid_argument', message);
