import { isControlPlane } from '../../config/machine-type.ts';
import type { MachineConfig } from '../../config/schema/config.ts';
import type { Data } from '../../gen/common/common.ts';
import type { Empty } from '../../gen/google/protobuf/empty.ts';
import type {
  BootstrapResponse,
  RebootResponse,
  RecoverResponse,
  ResetRequest,
  ResetResponse,
  RollbackResponse,
  ShutdownResponse,
  UpgradeResponse,
} from '../../gen/machine/machine.ts';
import { TalosdError } from '../../lib/errors.ts';
import type { Logger } from '../../lib/logger.ts';
import type { PlatformMode } from '../../platform/platform.ts';
import type { CallContext, StreamHandler, UnaryHandler } from '../handler.ts';

/** The sequences that calls may ask for. */
export interface LifeCalls {
  shutdown(): Promise<void>;
  reboot(): Promise<void>;
  reset(): Promise<void>;
}

export interface LifeHandlerOptions {
  readonly mode: PlatformMode;
  readonly config: () => MachineConfig;
  readonly control: LifeCalls;
  readonly log: Logger;
}

/** Calls about the life of the node as a whole (spec/api.md §2.4, sequences-and-services.md §4). */
export interface LifeHandlers {
  readonly reboot: UnaryHandler<Empty, RebootResponse>;
  readonly shutdown: UnaryHandler<Empty, ShutdownResponse>;
  readonly rollback: UnaryHandler<unknown, RollbackResponse>;
  readonly upgrade: UnaryHandler<unknown, UpgradeResponse>;
  readonly reset: UnaryHandler<ResetRequest, ResetResponse>;
  readonly bootstrap: UnaryHandler<unknown, BootstrapResponse>;
  readonly recover: UnaryHandler<unknown, RecoverResponse>;
}

const EMPTY_REPLY = { messages: [{ metadata: undefined }] };
const LABELS = new Set(['EFI', 'BIOS', 'BOOT', 'META', 'STATE', 'EPHEMERAL']);

export function lifeHandlers({ mode, config, control, log }: LifeHandlerOptions): LifeHandlers {
  const received = (what: string) => {
    log.info(`${what} via API received`);
    if (mode === 'container') throw new TalosdError('unknown', 'method is not supported in container mode');
  };
  const afterwards = (context: CallContext, work: () => Promise<void>) => {
    context.afterReply(() => void work());
    return EMPTY_REPLY;
  };
  return {
    reboot: async (_, context) => {
      received('reboot');
      return afterwards(context, () => control.reboot());
    },
    shutdown: async (_, context) => {
      received('shutdown');
      return afterwards(context, () => control.shutdown());
    },
    rollback: async () => {
      received('rollback');
      throw missing('Rollback', 'boot partition');
    },
    upgrade: async () => {
      if (mode === 'container') throw new TalosdError('unknown', 'method is not supported in container mode');
      throw missing('Upgrade', 'installer');
    },
    reset: async ({ systemPartitionsToWipe }, context) => {
      log.info('reset request received');
      for (const { label } of systemPartitionsToWipe) {
        if (!LABELS.has(label)) throw new TalosdError('unknown', `label ${JSON.stringify(label)} is not supported`);
      }
      if (mode === 'container' && systemPartitionsToWipe.length > 0) {
        throw new TalosdError(
          'failed_precondition',
          'partitions cannot be wiped in container mode: there is no system disk',
        );
      }
      return afterwards(context, () => control.reset());
    },
    bootstrap: async () => {
      log.info('bootstrap request received');
      if (!isControlPlane(config())) {
        throw new TalosdError('unknown', 'bootstrap can only be performed on a control plane node');
      }
      throw missing('Bootstrap', 'service "etcd"');
    },
    recover: async () => {
      log.info('recover request received');
      throw new TalosdError(
        'unknown',
        isControlPlane(config())
          ? 'recover is not supported since Talos 0.9, use apply-config to update control plane configuration'
          : 'recover can only be performed on a control plane node',
      );
    },
  };
}

/** Calls that need etcd or Kubernetes, on a node that runs neither: each says what it misses, in the words of its clients. */
export function clusterHandlers({ config }: { readonly config: () => MachineConfig }): {
  readonly [Name in
    | 'etcdRemoveMember'
    | 'etcdLeaveCluster'
    | 'etcdForfeitLeadership'
    | 'removeBootkubeInitializedKey']: UnaryHandler<unknown, never>;
} & {
  readonly etcdMemberList: UnaryHandler<{ readonly queryLocal: boolean }, never>;
  readonly kubeconfig: StreamHandler<Empty, Data>;
} {
  const noEtcd = 'service "etcd" does not run on this node';
  const noCa = 'failed decoding Kubernetes CA: failed to parse PEM block';
  const noPeer = 'open /etc/kubernetes/pki/etcd/peer.crt: no such file or directory';
  const client = (local: boolean) => (isControlPlane(config()) ? noEtcd : local ? noPeer : noCa);
  const refuse = (text: () => string) => async () => {
    throw new TalosdError('unknown', text());
  };
  const throughClient = refuse(() => `failed to create etcd client: ${client(false)}`);
  return {
    etcdMemberList: async ({ queryLocal }) => {
      throw new TalosdError('unknown', client(queryLocal));
    },
    etcdRemoveMember: throughClient,
    etcdLeaveCluster: throughClient,
    etcdForfeitLeadership: throughClient,
    removeBootkubeInitializedKey: refuse(() => `failed to create etcd client: ${client(true)}`),
    // biome-ignore lint/correctness/useYield: it fails before its first message
    async *kubeconfig() {
      if (!isControlPlane(config())) {
        throw new TalosdError('unknown', 'error getting Kubernetes CA: failed to parse PEM block');
      }
      throw missing('Kubeconfig', 'Kubernetes');
    },
  };
}

/** HealthCheck of ClusterService, on a node that knows no Kubernetes to ask for its nodes. */
export function healthHandlers(): { readonly healthCheck: StreamHandler<unknown, never> } {
  return {
    // biome-ignore lint/correctness/useYield: it fails before its first message
    async *healthCheck() {
      throw new TalosdError('unknown', 'error discovering nodes: Kubernetes does not run on this node');
    },
  };
}

function missing(method: string, what: string): TalosdError {
  return new TalosdError('unimplemented', `${method} is not available: this node has no ${what}`);
}
