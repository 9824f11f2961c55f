import { MachineServiceService } from '../../gen/machine/machine.ts';
import { callNodes } from './call-nodes.ts';
import { ctlCommand } from './session.ts';

/** `reboot`. */
export const rebootCommand = ctlCommand({
  args: '',
  help: 'Reboot nodes. Prints nothing when they agree to.',
  examples: ['reboot -n 10.5.0.3'],
  async run(session) {
    await callNodes(session, 'error executing reboot', MachineServiceService.reboot, {});
  },
});

/** `shutdown`. */
export const shutdownCommand = ctlCommand({
  args: '',
  help: 'Shut nodes down. Prints nothing when they agree to.',
  examples: ['shutdown -n 10.5.0.3'],
  async run(session) {
    await callNodes(session, 'error executing shutdown', MachineServiceService.shutdown, {});
  },
});

/** `reset`. */
export const resetCommand = ctlCommand({
  args: '',
  help: 'Wipe nodes, then shut them down (or reboot them). Their data is lost.',
  examples: ['reset -n 10.5.0.3', 'reset -n 10.5.0.3 --graceful=false --system-labels-to-wipe EPHEMERAL --reboot'],
  options: [
    { flags: '--graceful', help: 'leave the cluster in good order first', default: true },
    { flags: '--reboot', help: 'reboot afterwards' },
    { flags: '--system-labels-to-wipe <labels>', help: 'wipe these partitions only', list: true },
  ],
  async run(session, _args, options) {
    const labels = options.list('systemLabelsToWipe');
    await callNodes(session, 'error executing reset', MachineServiceService.reset, {
      graceful: options.boolean('graceful'),
      reboot: options.boolean('reboot'),
      systemPartitionsToWipe: labels.map(label => ({ label, wipe: true })),
    });
  },
});
