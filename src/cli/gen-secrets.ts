import { renderSecrets } from '../config/generate/bundle-file.ts';
import { generateSecrets, secretsFromConfig } from '../config/generate/secrets.ts';
import type { Command } from './command.ts';
import { readInput, writeSecret } from './files.ts';
import { secretsFormat } from './talos-version.ts';

/** `gen secrets`: writes the secrets of a cluster, for `gen config --with-secrets`. */
export const genSecretsCommand: Command = {
  args: '',
  help: 'Writes the secrets of a cluster to a file, from which `gen config --with-secrets` makes configs.',
  options: [
    { flags: '-o, --output-file <file>', help: 'where the secrets go', default: 'secrets.yaml' },
    { flags: '--from-config <file>', help: 'take the secrets of a control plane node instead of making new ones' },
    { flags: '--talos-version <version>', help: 'the Talos version to make secrets for, e.g. v0.8', default: '' },
  ],
  run: async (_args, options, io) => {
    const format = secretsFormat(options.string('talosVersion') ?? '');
    const from = options.string('fromConfig');
    let bundle: Awaited<ReturnType<typeof generateSecrets>>;
    if (from === undefined) bundle = await generateSecrets({ now: Date.now(), format });
    else {
      const { decodeConfig } = await import('../config/decode.ts');
      bundle = secretsFromConfig(decodeConfig(await readInput(io, from), { file: from, unknownKeys: 'note' }).config);
    }
    await writeSecret(io, options.required('outputFile'), renderSecrets(bundle));
    return 0;
  },
};
