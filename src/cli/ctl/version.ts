import type { VersionInfo } from '../../gen/machine/machine.ts';
import { MachineServiceService } from '../../gen/machine/machine.ts';
import { callNodes } from './call-nodes.ts';
import { CLIENT_VERSION } from './client-version.ts';
import { ctlCommand } from './session.ts';

/** `version`: of this client and of the nodes. */
export const versionCommand = ctlCommand({
  args: '',
  help: 'Print the version of this client and of the nodes.',
  examples: ['version', 'version --client', 'version -n 10.5.0.2,10.5.0.3'],
  options: [
    { flags: '--short', help: 'the client in one line' },
    { flags: '--client', help: 'the client only' },
  ],
  async run(session, _args, options) {
    const { tag, sha } = CLIENT_VERSION;
    const client = options.boolean('short') ? `Client ${tag}-${sha}\n` : versionText(CLIENT_VERSION);
    await session.out.write(`Client:\n${client}`);
    if (options.boolean('client')) return;
    await session.out.write('Server:\n');
    for (const { node, message } of await callNodes(
      session,
      'error getting version',
      MachineServiceService.version,
      {},
    )) {
      await session.out.write(`\tNODE:        ${node}\n${versionText(message.version)}`);
    }
  },
});

/** The block of one version, with an empty line at its end. */
export function versionText(version: Omit<VersionInfo, '_unknownFields'> | undefined): string {
  const { tag = '', sha = '', built = '', goVersion = '', os = '', arch = '' } = version ?? {};
  return [
    `\tTag:         ${tag}`,
    `\tSHA:         ${sha}`,
    `\tBuilt:       ${built}`,
    `\tGo version:  ${goVersion}`,
    `\tOS/Arch:     ${os}/${arch}`,
    '\n',
  ].join('\n');
}
