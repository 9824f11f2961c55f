import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { decodeConfig } from '../../config/decode.ts';
import { ConfigError, formatProblem } from '../../config/problem.ts';
import { validateConfig } from '../../config/validate.ts';
import { MachineServiceService } from '../../gen/machine/machine.ts';
import type { TryConfiguration } from '../../gen/talosd/v1/talosd.ts';
import { osError, TalosdError } from '../../lib/errors.ts';
import { type ApplyPlan, planApply } from './apply-plan.ts';
import { callNodes, type FromNode } from './call-nodes.ts';
import { momentText } from './format.ts';
import { INSECURE_OPTIONS } from './insecure-target.ts';
import { maintenanceClient } from './maintenance-client.ts';
import { callNodeService, changeReport, isRefused, nodeService } from './node-service.ts';
import { ctlCommand, type Session } from './session.ts';

const WHAT = 'error applying new configuration';

/** `apply-config` (spec/machine-config.md §13.1; dry run and trials are `talosd.v1`). */
export const applyConfigCommand = ctlCommand({
  args: '[type]',
  help: [
    'Give nodes a new machine config. Prints nothing but warnings about it when it was taken.',
    'A dry run says what would happen. A config on trial goes away by itself unless it is confirmed in time.',
  ].join('\n'),
  examples: [
    'apply-config -f controlplane.yaml',
    'apply-config -f controlplane.yaml --immediate',
    'apply-config -f controlplane.yaml --dry-run --mode immediate',
    'apply-config -f controlplane.yaml --try 2m',
    'apply-config --confirm',
    'apply-config --insecure -n 10.5.0.7 --cert-fingerprint <base64> -f controlplane.yaml',
  ],
  options: [
    { flags: '-f, --file <path>', help: 'the machine config' },
    { flags: '--mode <mode>', help: 'reboot (default), immediate or on-reboot' },
    { flags: '--immediate', help: 'same as --mode immediate: without a reboot' },
    { flags: '--on-reboot', help: 'same as --mode on-reboot: saved for the next boot' },
    { flags: '--dry-run', help: 'only say what would change, and when it would take effect' },
    { flags: '--try <time>', help: 'apply without a reboot, and take it back after this time unless confirmed' },
    {
      flags: '--rollback',
      help: 'apply without a reboot and keep it whatever it cuts off',
      default: true,
      isNegative: true,
    },
    { flags: '--confirm', help: 'keep the config that is on trial' },
    ...INSECURE_OPTIONS,
  ],
  async run(session, [word], options) {
    if (word !== undefined && !/^(machineconfigs?|config|mc)$/i.test(word)) {
      throw new TalosdError('invalid_argument', `unknown positional argument ${word}`);
    }
    const plan = planApply({
      file: options.string('file'),
      mode: options.string('mode'),
      immediate: options.boolean('immediate'),
      onReboot: options.boolean('onReboot'),
      dryRun: options.boolean('dryRun'),
      try: options.string('try'),
      rollback: options.boolean('rollback'),
      confirm: options.boolean('confirm'),
      insecure: options.boolean('insecure'),
      fingerprints: options.list('certFingerprint'),
      nodes: session.flags.nodes,
    });
    return runPlan(session, plan);
  },
});

async function runPlan(session: Session, plan: ApplyPlan): Promise<number> {
  switch (plan.kind) {
    case 'confirm': {
      const request = { id: '' };
      const replies = await callNodeService(
        session,
        'error confirming the configuration',
        '--confirm',
        nodeService.confirmConfiguration,
        request,
      );
      for (const { node, message } of replies) await session.out.write(`${node}: kept ${message.id}\n`);
      return 0;
    }
    case 'dry-run': {
      const request = { data: await readConfig(session, plan.file), mode: plan.mode };
      const what = 'error in the dry run';
      const replies = await callNodeService(session, what, '--dry-run', nodeService.dryRunConfiguration, request);
      await session.out.write(changeReport(replies));
      return isRefused(replies) ? 1 : 0;
    }
    case 'try': {
      const data = await readConfig(session, plan.file);
      const request = { data, timeout: plan.timeout, noRollback: !plan.rollback };
      const feature = plan.rollback ? '--try' : '--no-rollback';
      const replies = await callNodeService(session, WHAT, feature, nodeService.tryConfiguration, request);
      await session.out.write(trialReport(replies));
      return 0;
    }
    case 'apply': {
      const request = {
        data: await readConfig(session, plan.file),
        immediate: plan.immediate,
        onReboot: plan.onReboot,
      };
      const client = plan.insecure ? await maintenanceClient(session, plan.insecure) : session.client;
      await callNodes(session, WHAT, MachineServiceService.applyConfiguration, request, client);
      for (const note of configNotes(plan.file, request.data)) session.warn(`note: ${note}`);
      return 0;
    }
  }
}

/** What nodes do with a config on trial, and how to keep it. */
export function trialReport(replies: readonly FromNode<TryConfiguration>[]): string {
  const trials = replies
    .filter(({ message }) => message.deadline !== undefined)
    .map(({ node, message }) => {
      const until = momentText({ seconds: message.deadline!.seconds, nanos: 0 });
      return `${node}: on trial until ${until}; keep it with: talosd ctl apply-config --confirm -n ${node}\n`;
    });
  return changeReport(replies) + trials.join('');
}

/** What a config that nodes took is worth a warning for (spec/machine-config.md §15); their answer has no room for it. */
function configNotes(file: string, data: Buffer): string[] {
  try {
    const { config, notes, positions } = decodeConfig(data, { file, unknownKeys: 'note' });
    const rules = validateConfig(config, { mode: 'cloud', diskExists: () => true, positions });
    return [...notes, ...rules.notes].map(formatProblem);
  } catch (error) {
    if (error instanceof ConfigError) return []; // a node of another release knows better what it took
    throw error;
  }
}

async function readConfig(session: Session, file: string): Promise<Buffer> {
  const data = await readFile(resolve(session.io.cwd, file)).catch(error => {
    const reason = osError('open', file, error).message;
    throw new TalosdError('invalid_argument', `failed to read configuration from ${JSON.stringify(file)}: ${reason}`);
  });
  if (data.length === 0) throw new TalosdError('invalid_argument', 'no configuration data read');
  return data;
}
