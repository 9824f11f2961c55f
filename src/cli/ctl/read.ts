import { MachineServiceService } from '../../gen/machine/machine.ts';
import { streamNodes } from './call-nodes.ts';
import { ctlCommand } from './session.ts';

/** `read PATH`. */
export const readCommand = ctlCommand({
  args: '<path>',
  help: 'Print a file of a node.',
  examples: ['read /etc/os-release', 'read /proc/cmdline', 'read /var/log/big.log | less'],
  single: 'read',
  run: (session, [path]) =>
    streamNodes(
      session,
      'error reading file',
      MachineServiceService.read,
      { path: path! },
      {
        message: (_node, data) => session.out.write(data.bytes),
        error: (_node, text) => session.warn(text),
      },
    ),
});
