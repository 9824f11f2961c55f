import { errorMessage, TalosdError } from '../lib/errors.ts';
import {
  type CommandNode,
  commandHelp,
  groupHelp,
  type Io,
  moveLeadingOptions,
  parseCommand,
  type Summaries,
} from './command.ts';
import { ctl } from './ctl/index.ts';

export type { Io } from './command.ts';

const TREE: Extract<CommandNode, { children: unknown }> = {
  summary: 'Node agent of a Kubernetes operating system, and the tools around its configuration.',
  children: {
    gen: {
      summary: 'Generate machine configs, secrets, keys and certificates.',
      children: {
        config: {
          summary: 'a set of machine configs and the talosconfig of a new cluster',
          load: async () => (await import('./gen-config.ts')).genConfigCommand,
        },
        secrets: {
          summary: 'the secrets of a cluster, to generate its configs from',
          load: async () => (await import('./gen-secrets.ts')).genSecretsCommand,
        },
        ca: {
          summary: 'a certificate authority',
          load: async () => (await import('./gen-pki-commands.ts')).genCaCommand,
        },
        key: {
          summary: 'an Ed25519 private key',
          load: async () => (await import('./gen-pki-commands.ts')).genKeyCommand,
        },
        csr: {
          summary: 'a certificate request',
          load: async () => (await import('./gen-pki-commands.ts')).genCsrCommand,
        },
        crt: {
          summary: 'a certificate for a request',
          load: async () => (await import('./gen-pki-commands.ts')).genCrtCommand,
        },
        keypair: {
          summary: 'a self-signed certificate and its key',
          load: async () => (await import('./gen-pki-commands.ts')).genKeypairCommand,
        },
      },
    },
    validate: {
      summary: 'check a machine config',
      load: async () => (await import('./validate.ts')).validateCommand,
    },
    images: {
      summary: 'the default images of a node',
      load: async () => (await import('./images.ts')).imagesCommand,
    },
    ctl,
  },
};

/**
 * Runs what a user typed after `talosd` and returns the exit code; what the composition root answers itself stands in
 * `elsewhere`, name to summary, for the help. Errors go to stderr as they are, without a stack and with one newline at their end (two where the text of
 * spec/machine-config.md §13.5 has its own), exit code 1.
 */
export async function runCli(argv: readonly string[], io: Io, elsewhere: Summaries = {}): Promise<number> {
  try {
    return await walk(argv, io, elsewhere);
  } catch (error) {
    io.stderr.write(`${errorMessage(error)}\n`);
    return 1;
  }
}

async function walk(typed: readonly string[], io: Io, elsewhere: Summaries): Promise<number> {
  const path: string[] = [];
  let argv = typed;
  let node: CommandNode = TREE;
  while ('children' in node) {
    if (node.leading) argv = moveLeadingOptions(argv, path.length, node.leading);
    const word: string | undefined = argv[path.length];
    if (word === undefined || word === '--help' || word === '-h') {
      io.stdout.write(groupHelp(path, node, path.length === 0 ? elsewhere : {}));
      return 0;
    }
    if (word === 'help') {
      argv = [...argv.slice(0, path.length), ...argv.slice(path.length + 1), '--help'];
      continue;
    }
    if (word.startsWith('-')) throw new TalosdError('invalid_argument', `unknown flag: ${word.split('=', 1)[0]}`);
    const child: CommandNode | undefined = Object.hasOwn(node.children, word) ? node.children[word] : undefined;
    if (child === undefined) {
      const prefix = ['talosd', ...path].join(' ');
      io.stderr.write(`unknown command "${word}" for "${prefix}" (see ${prefix} --help)\n`);
      return 1;
    }
    path.push(word);
    node = child;
  }
  const command = await node.load();
  const parsed = parseCommand(command, argv.slice(path.length));
  if (parsed === 'help') {
    io.stdout.write(commandHelp(path, command));
    return 0;
  }
  return command.run(parsed[0], parsed[1], io);
}
