import { generateFromRequest } from '../../config/generate/request.ts';
import { generateSecrets, type SecretsBundle, secretsFromConfig } from '../../config/generate/secrets.ts';
import { isControlPlane } from '../../config/machine-type.ts';
import type { MachineConfig } from '../../config/schema/config.ts';
import type {
  ApplyConfigurationRequest,
  ApplyConfigurationResponse,
  GenerateConfigurationRequest,
  GenerateConfigurationResponse,
} from '../../gen/machine/machine.ts';
import type { Clock } from '../../lib/clock.ts';
import { TalosdError } from '../../lib/errors.ts';
import type { ApplyMode, ConfigApplier } from '../../sequencer/apply.ts';
import type { UnaryHandler } from '../handler.ts';

type Generate = UnaryHandler<GenerateConfigurationRequest, GenerateConfigurationResponse>;

/** ApplyConfiguration and GenerateConfiguration of a node that has a config (spec/api.md §2.5, §2.9). */
export interface ConfigHandlers {
  readonly applyConfiguration: UnaryHandler<ApplyConfigurationRequest, ApplyConfigurationResponse>;
  readonly generateConfiguration: Generate;
}

export interface ConfigHandlerOptions {
  readonly applier: ConfigApplier;
  /** The config in use. */
  readonly config: () => MachineConfig;
  /** The config that the next boot would read, where there is one. */
  readonly storedConfig: () => Promise<MachineConfig | undefined>;
  readonly clock: Clock;
}

export function configHandlers({ applier, config, storedConfig, clock }: ConfigHandlerOptions): ConfigHandlers {
  const generate = generator({
    isMaintenance: false,
    clock,
    secrets: async now => {
      const stored = await storedConfig();
      return stored ? secretsFromConfig(stored) : generateSecrets({ now });
    },
  });
  return {
    applyConfiguration: async ({ data, immediate, onReboot }, context) => {
      await applier.apply(data, modeOf(immediate, onReboot), context);
      return { messages: [{ metadata: undefined }] };
    },
    generateConfiguration: async (request, context) => {
      if (!isControlPlane(config())) {
        throw new TalosdError('unknown', "config can't be generated on worker nodes");
      }
      return generate(request, context);
    },
  };
}

/** GenerateConfiguration of a machine that has no config: new secrets each time (spec/api.md §5). */
export function maintenanceGenerate(clock: Clock): Generate {
  return generator({ isMaintenance: true, clock, secrets: now => generateSecrets({ now }) });
}

/** Immediate wins over on-reboot; without either the node starts anew. */
function modeOf(immediate: boolean, onReboot: boolean): ApplyMode {
  if (immediate) return 'immediate';
  return onReboot ? 'on-reboot' : 'reboot';
}

function generator(options: {
  readonly isMaintenance: boolean;
  readonly clock: Clock;
  readonly secrets: (now: number) => Promise<SecretsBundle>;
}): Generate {
  const { isMaintenance, clock, secrets } = options;
  return async request => {
    const { config, talosconfig } = await generateFromRequest(request, { now: clock.now(), isMaintenance, secrets });
    return {
      messages: [{ metadata: undefined, data: [Buffer.from(config)], talosconfig: Buffer.from(talosconfig) }],
    };
  };
}
