import { join, resolve } from 'node:path';
import { encodeConfig } from '../config/encode.ts';
import { checkClusterEndpoint } from '../config/endpoint.ts';
import { parseSecrets } from '../config/generate/bundle-file.ts';
import { type GenerateInput, generateConfig } from '../config/generate/configs.ts';
import { generateSecrets } from '../config/generate/secrets.ts';
import { generateTalosconfig } from '../config/generate/talosconfig.ts';
import { installerImage, TALOS_TAG } from '../config/images.ts';
import { renderTalosconfig } from '../config/talosconfig.ts';
import { TalosdError } from '../lib/errors.ts';
import type { Command, Io, OptionValues } from './command.ts';
import { ensureFolder, readInput, writeSecret } from './files.ts';
import { secretsFormat } from './talos-version.ts';

const FILES = [
  ['init', 'init.yaml'],
  ['controlplane', 'controlplane.yaml'],
  ['worker', 'join.yaml'],
] as const;

/** `gen config`: the files of a new cluster (spec/machine-config.md §7); secret as they are, all are 0600. */
export const genConfigCommand: Command = {
  args: '<cluster name> <cluster endpoint>',
  help: `Writes init.yaml, controlplane.yaml, join.yaml and talosconfig for a new cluster.

The endpoint is the URL of the Kubernetes API: of one control plane node with port 6443, or of the load balancer
before several.`,
  options: [
    { flags: '--additional-sans <names>', help: 'further names in the certificate of the API server', list: true },
    { flags: '--dns-domain <domain>', help: 'the DNS domain of the cluster', default: 'cluster.local' },
    { flags: '--install-disk <disk>', help: 'the disk to install to', default: '/dev/sda' },
    { flags: '--install-image <image>', help: `the installer image (default ${installerImage()})` },
    { flags: '--kubernetes-version <version>', help: 'the Kubernetes version to run', default: '' },
    { flags: '-o, --output-dir <dir>', help: 'where the files go', default: '' },
    { flags: '-p, --persist', help: 'whether nodes keep their config over reboots', default: true },
    { flags: '--registry-mirror <mirrors>', help: 'mirrors as <registry host>=<mirror URL>', list: true },
    { flags: '--talos-version <version>', help: 'the Talos version to write configs for, e.g. v0.8', default: '' },
    { flags: '--version <version>', help: 'the version of the config format', default: 'v1alpha1' },
    { flags: '--with-secrets <file>', help: 'the secrets to use, from `gen secrets`, instead of new ones' },
  ],
  run: async ([clusterName = '', typedEndpoint = ''], options, io) => {
    const endpoint = checkClusterEndpoint(typedEndpoint);
    if (options.string('version') !== 'v1alpha1') return 0;
    await writeFiles(clusterName, endpoint, options, io);
    return 0;
  },
};

async function writeFiles(clusterName: string, endpoint: string, options: OptionValues, io: Io): Promise<void> {
  const registryMirrors = readMirrors(options.list('registryMirror'));
  const format = secretsFormat(options.string('talosVersion') ?? '');
  const secretsFile = options.string('withSecrets');
  const given = secretsFile === undefined ? undefined : parseSecrets((await readInput(io, secretsFile)).toString());
  const folder = options.string('outputDir') || resolve(io.cwd);
  await ensureFolder(io, folder);
  if (!given) io.stdout.write('generating PKI and tokens\n');
  const now = Date.now();
  const secrets = given ?? (await generateSecrets({ now, format }));
  const input: GenerateInput = {
    clusterName,
    endpoint,
    secrets,
    dnsDomain: options.string('dnsDomain'),
    kubernetesVersion: options.string('kubernetesVersion')?.replace(/^v/, ''),
    installDisk: options.string('installDisk'),
    installImage: options.string('installImage') ?? installerImage(io.env.TAG || TALOS_TAG),
    additionalSans: options.list('additionalSans'),
    registryMirrors,
    persist: options.boolean('persist'),
  };
  const write = async (name: string, text: string) => {
    await writeSecret(io, join(folder, name), text);
    io.stdout.write(`created ${join(folder, name)}\n`);
  };
  for (const [role, name] of FILES) await write(name, encodeConfig(generateConfig(role, input)));
  await write('talosconfig', renderTalosconfig(await generateTalosconfig(clusterName, ['127.0.0.1'], secrets, now)));
}

function readMirrors(specs: readonly string[]): ReadonlyMap<string, string> {
  return new Map(
    specs.map(spec => {
      const [, host, url] = /^([^=]*)=(.*)$/s.exec(spec) ?? [];
      if (host === undefined || url === undefined)
        throw new TalosdError('invalid_argument', `invalid registry mirror spec: "${spec}"`);
      return [host, url];
    }),
  );
}
