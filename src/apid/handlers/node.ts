import { stringify } from 'yaml';
import type { PlannedChange } from '../../config/needs.ts';
import type { Timestamp } from '../../gen/google/protobuf/timestamp.ts';
import {
  ApplyMode,
  type ConfigurationChange,
  ConfigurationChange_Action,
  type ConfirmConfigurationRequest,
  type ConfirmConfigurationResponse,
  type DryRunConfigurationRequest,
  type DryRunConfigurationResponse,
  type TryConfigurationRequest,
  type TryConfigurationResponse,
  type WhyRequest,
  type WhyResponse,
} from '../../gen/talosd/v1/talosd.ts';
import { TalosdError } from '../../lib/errors.ts';
import type { ApplyMode as ApplyModeName, ApplyPlan, ConfigApplier } from '../../sequencer/apply.ts';
import { DEFAULT_TRIAL, LONGEST_TRIAL } from '../../sequencer/trials.ts';
import type { Explanation } from '../../sequencer/why.ts';
import type { UnaryHandler } from '../handler.ts';

/** Our own service: dry runs, configs on trial, and why a node is not ready (proto/talosd/v1). */
export interface NodeServiceHandlers {
  readonly dryRunConfiguration: UnaryHandler<DryRunConfigurationRequest, DryRunConfigurationResponse>;
  readonly tryConfiguration: UnaryHandler<TryConfigurationRequest, TryConfigurationResponse>;
  readonly confirmConfiguration: UnaryHandler<ConfirmConfigurationRequest, ConfirmConfigurationResponse>;
  readonly why: UnaryHandler<WhyRequest, WhyResponse>;
}

export function nodeServiceHandlers({
  applier,
  explain,
}: {
  readonly applier: ConfigApplier;
  readonly explain: (subject: string) => Explanation;
}): NodeServiceHandlers {
  return {
    dryRunConfiguration: async ({ data, mode }, context) => {
      const plan = refusedAsArgument(() => applier.plan(data, MODES[mode] ?? 'reboot', context));
      const notes = plan.refusal === undefined ? plan.notes : [plan.refusal, ...plan.notes];
      const changes = plan.changes.map(change => encodeChange(change, mode, plan));
      return { messages: [{ metadata: undefined, changes, notes: [...notes] }] };
    },
    tryConfiguration: async ({ data, timeout, noRollback }, context) => {
      const milliseconds = trialTime(timeout, noRollback);
      const result = await applier.try(data, { timeout: milliseconds, keep: noRollback }, context);
      const { trial } = result;
      return {
        messages: [
          {
            metadata: undefined,
            id: trial?.id ?? '',
            deadline: trial && timestamp(trial.deadline),
            changes: result.changes.map(change =>
              encodeChange(change, ApplyMode.IMMEDIATE, { ...result, refusal: undefined }),
            ),
            notes: [...result.notes],
          },
        ],
      };
    },
    confirmConfiguration: async ({ id }) => ({
      messages: [{ metadata: undefined, id: await applier.confirm(id) }],
    }),
    why: whyHandler(explain),
  };
}

/** Why alone: also asked of a node that has no config yet. */
export function whyHandler(explain: (subject: string) => Explanation): NodeServiceHandlers['why'] {
  return async ({ subject }) => {
    const { ready, chain } = explain(subject);
    const causes = chain.map(({ since, ...cause }) => ({
      ...cause,
      since: since === undefined ? undefined : timestamp(since),
    }));
    return { messages: [{ metadata: undefined, ready, chain: causes }] };
  };
}

/** What the config says wrong is the caller's fault, which this service can say. */
function refusedAsArgument<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof TalosdError && error.code === 'unknown') {
      throw new TalosdError('invalid_argument', error.message, { cause: error });
    }
    throw error;
  }
}

function trialTime(timeout: { seconds: bigint; nanos: number } | undefined, keep: boolean): number {
  const milliseconds = timeout ? Number(timeout.seconds) * 1000 + timeout.nanos / 1_000_000 : 0;
  if (milliseconds < 0) throw new TalosdError('invalid_argument', 'the time to confirm is negative');
  if (milliseconds > LONGEST_TRIAL) throw new TalosdError('invalid_argument', 'the time to confirm is more than a day');
  if (milliseconds > 0 && keep) {
    throw new TalosdError('invalid_argument', 'a configuration that is kept at once has no time to confirm');
  }
  return milliseconds || DEFAULT_TRIAL;
}

const MODES: Readonly<Partial<Record<ApplyMode, ApplyModeName>>> = {
  [ApplyMode.IMMEDIATE]: 'immediate',
  [ApplyMode.ON_REBOOT]: 'on-reboot',
};

const ACTIONS: Readonly<Record<PlannedChange['need'], ConfigurationChange_Action>> = {
  now: ConfigurationChange_Action.NOW,
  restart: ConfigurationChange_Action.RESTART_SERVICE,
  reboot: ConfigurationChange_Action.REBOOT,
  reset: ConfigurationChange_Action.RESET,
};

function encodeChange(
  change: PlannedChange,
  mode: ApplyMode,
  { next, refusal }: ApplyPlan & { readonly refusal: string | undefined },
): ConfigurationChange {
  const { path, need, isLive, from, to } = change;
  const isRefused = refusal !== undefined || (mode === ApplyMode.IMMEDIATE && !isLive);
  const isLater = mode === ApplyMode.ON_REBOOT && (need === 'now' || need === 'restart');
  const action = isRefused
    ? ConfigurationChange_Action.REFUSED
    : isLater
      ? ConfigurationChange_Action.REBOOT
      : ACTIONS[need];
  const needs = `needs ${need}${change.reason ? `: ${change.reason}` : ''}`;
  const place = to === undefined ? undefined : next.positions.locate(path);
  return {
    path,
    action,
    service: action === ConfigurationChange_Action.RESTART_SERVICE ? (change.service ?? '') : '',
    from: from === undefined ? undefined : stringify(from).trimEnd(),
    to: to === undefined ? undefined : stringify(to).trimEnd(),
    reason: refusal ?? (isRefused ? needs : change.reason),
    line: place?.line ?? 0,
    column: place?.column ?? 0,
  };
}

function timestamp(milliseconds: number): Timestamp {
  const seconds = Math.floor(milliseconds / 1000);
  return { seconds: BigInt(seconds), nanos: Math.round((milliseconds - seconds * 1000) * 1_000_000) };
}
