import { ContainerDriver } from '../../gen/common/common.ts';
import { MachineServiceService } from '../../gen/machine/machine.ts';
import { streamNodes } from './call-nodes.ts';
import { LineJoiner } from './lines.ts';
import { ctlCommand } from './session.ts';

/** Namespace and driver of a call: the node's own parts, or those of Kubernetes with `-k` (spec/api.md §2.8). */
export function containerSource(isKubernetes: boolean) {
  return isKubernetes
    ? { namespace: 'k8s.io', driver: ContainerDriver.CRI }
    : { namespace: 'system', driver: ContainerDriver.CONTAINERD };
}

/** `logs ID`. */
export const logsCommand = ctlCommand({
  args: '<id>',
  help: 'Print the log of a service, of `machined`, `controller-runtime` or `audit`, or of a container.',
  examples: ['logs kubelet', 'logs -f --tail 20 machined', 'logs -k kube-system/coredns:coredns'],
  options: [
    { flags: '-f, --follow', help: 'go on with what is logged from now on' },
    { flags: '--tail <lines>', help: 'how many lines of the past (-1: all there is)', default: '-1' },
    { flags: '-k, --kubernetes', help: 'a container of Kubernetes' },
  ],
  async run(session, [id], options) {
    const joiner = new LineJoiner();
    const request = {
      ...containerSource(options.boolean('kubernetes')),
      id: id!,
      follow: options.boolean('follow'),
      tailLines: options.integer('tail') ?? -1,
    };
    const code = await streamNodes(session, 'error getting logs', MachineServiceService.logs, request, {
      message: (node, data) => session.out.write(prefixed(node, joiner.push(node, data.bytes))),
      error: (_node, text) => session.warn(`ERROR: ${text}`),
    });
    for (const [node, line] of joiner.rest()) await session.out.write(prefixed(node, [line]));
    return code;
  },
});

/** `dmesg`. */
export const dmesgCommand = ctlCommand({
  args: '',
  help: 'Print the kernel log of nodes.',
  examples: ['dmesg', 'dmesg -f --tail'],
  options: [
    { flags: '-f, --follow', help: 'go on with what the kernel logs from now on' },
    { flags: '--tail', help: 'only what is new (with --follow)' },
  ],
  run(session, _args, options) {
    const request = { follow: options.boolean('follow'), tail: options.boolean('tail') };
    return streamNodes(session, 'error getting dmesg', MachineServiceService.dmesg, request, {
      message: (node, data) => session.out.write(prefixed(node, [data.bytes])),
    });
  },
});

function prefixed(node: string, lines: readonly Uint8Array[]): Buffer {
  const prefix = Buffer.from(`${node}: `);
  return Buffer.concat(lines.flatMap(line => [prefix, line]));
}
