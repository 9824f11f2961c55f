import { describe, expect, test } from 'vitest';
import type { MachineConfig } from '../../config/schema/config.ts';
import { silentLogger } from '../../lib/logger.ts';
import type { PlatformMode } from '../../platform/platform.ts';
import type { CallContext } from '../handler.ts';
import { clusterHandlers, healthHandlers, lifeHandlers } from './machine.ts';

const configOf = (type: string) => () => ({ machine: { type } }) as MachineConfig;

/** A node whose sequences are only told. */
function start(mode: PlatformMode) {
  const done: string[] = [];
  const context: CallContext = {
    signal: new AbortController().signal,
    peer: { address: '', subject: '', serial: '' },
    nodeCount: 1,
    callId: '',
    afterReply: action => {
      done.push('reply');
      action();
    },
  };
  const told = (name: string) => async () => void done.push(name);
  const control = { reboot: told('reboot'), shutdown: told('shutdown'), reset: told('reset') };
  const handlers = lifeHandlers({ mode, config: configOf('controlplane'), control, log: silentLogger });
  return { handlers, context, done };
}

/** `code: text` of each call that is refused. */
async function refusals(calls: Record<string, () => Promise<unknown>>): Promise<Record<string, string>> {
  const told: Record<string, string> = {};
  for (const [name, call] of Object.entries(calls)) {
    await call().then(
      () => {},
      error => {
        told[name] = `${error.code}: ${error.message}`;
      },
    );
  }
  return told;
}

async function drain(messages: AsyncIterable<unknown>): Promise<void> {
  for await (const message of messages) void message;
}

const wipe = (...labels: string[]) => ({
  graceful: true,
  reboot: false,
  systemPartitionsToWipe: labels.map(label => ({ label, wipe: true })),
});

describe('the life of a node', () => {
  test('on a machine: what begins, begins after the reply; what is missing is named', async () => {
    const { handlers, context, done } = start('metal');
    const reply = { messages: [{ metadata: undefined }] };
    expect(await handlers.reboot({}, context)).toEqual(reply);
    expect(await handlers.shutdown({}, context)).toEqual(reply);
    expect(await handlers.reset(wipe('EPHEMERAL', 'STATE'), context)).toEqual(reply);
    expect(done).toEqual(['reply', 'reboot', 'reply', 'shutdown', 'reply', 'reset']);
    expect(
      await refusals({
        rollback: () => handlers.rollback({}, context),
        upgrade: () => handlers.upgrade({}, context),
        bootstrap: () => handlers.bootstrap({}, context),
        reset: () => handlers.reset(wipe('HOME'), context),
        recover: () => handlers.recover({}, context),
      }),
    ).toEqual({
      rollback: 'unimplemented: Rollback is not available: this node has no boot partition',
      upgrade: 'unimplemented: Upgrade is not available: this node has no installer',
      bootstrap: 'unimplemented: Bootstrap is not available: this node has no service "etcd"',
      reset: 'unknown: label "HOME" is not supported',
      recover:
        'unknown: recover is not supported since Talos 0.9, use apply-config to update control plane configuration',
    });
  });

  test('in a container: no power, no partitions', async () => {
    const { handlers, context, done } = start('container');
    const refused = 'unknown: method is not supported in container mode';
    expect(
      await refusals({
        reboot: () => handlers.reboot({}, context),
        shutdown: () => handlers.shutdown({}, context),
        rollback: () => handlers.rollback({}, context),
        upgrade: () => handlers.upgrade({}, context),
        reset: () => handlers.reset(wipe('STATE'), context),
      }),
    ).toEqual({
      reboot: refused,
      shutdown: refused,
      rollback: refused,
      upgrade: refused,
      reset: 'failed_precondition: partitions cannot be wiped in container mode: there is no system disk',
    });
    expect(done).toEqual([]);
    await handlers.reset(wipe(), context);
    expect(done).toEqual(['reply', 'reset']);
  });
});

test('calls about the cluster, on a node without etcd and Kubernetes, by the role of the node', async () => {
  const { context } = start('container');
  const told = (type: string) => {
    const calls = clusterHandlers({ config: configOf(type) });
    return refusals({
      members: () => calls.etcdMemberList({ queryLocal: true }, context),
      membersOfAll: () => calls.etcdMemberList({ queryLocal: false }, context),
      leave: () => calls.etcdLeaveCluster({}, context),
      kubeconfig: () => drain(calls.kubeconfig({}, context)),
      health: () => drain(healthHandlers().healthCheck({}, context)),
    });
  };
  const health = 'unknown: error discovering nodes: Kubernetes does not run on this node';
  expect(await told('controlplane')).toEqual({
    members: 'unknown: service "etcd" does not run on this node',
    membersOfAll: 'unknown: service "etcd" does not run on this node',
    leave: 'unknown: failed to create etcd client: service "etcd" does not run on this node',
    kubeconfig: 'unimplemented: Kubeconfig is not available: this node has no Kubernetes',
    health,
  });
  expect(await told('worker')).toEqual({
    members: 'unknown: open /etc/kubernetes/pki/etcd/peer.crt: no such file or directory',
    membersOfAll: 'unknown: failed decoding Kubernetes CA: failed to parse PEM block',
    leave: 'unknown: failed to create etcd client: failed decoding Kubernetes CA: failed to parse PEM block',
    kubeconfig: 'unknown: error getting Kubernetes CA: failed to parse PEM block',
    health,
  });
});
