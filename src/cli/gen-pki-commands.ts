import type { Command, Io } from './command.ts';
import { readInput, writeSecret } from './files.ts';
import { type GeneratedFile, genCa, genCrt, genCsr, genKey, genKeypair } from './gen-pki.ts';

/** The commands `gen ca|key|csr|crt|keypair` (spec/machine-config.md §8.3): flags in, files of mode 0600 out. */

const HOURS = { flags: '--hours <hours>', help: 'how long the certificate is valid' };

export const genCaCommand: Command = {
  args: '',
  help: 'Writes a self-signed certificate authority: <organization>.crt, .key and .sha256.',
  options: [
    { flags: '--organization <organization>', help: 'whose authority it is' },
    { ...HOURS, default: '87600' },
    { flags: '--rsa', help: 'RSA instead of Ed25519', default: false },
  ],
  run: async (_args, options, io) => {
    const organization = options.required('organization');
    const rsa = options.boolean('rsa');
    return write(io, await genCa({ organization, hours: options.integer('hours'), rsa, now: Date.now() }));
  },
};

export const genKeyCommand: Command = {
  args: '',
  help: 'Writes an Ed25519 private key: <name>.key.',
  options: [{ flags: '--name <name>', help: 'the file name without .key' }],
  run: async (_args, options, io) => write(io, await genKey({ name: options.required('name') })),
};

export const genCsrCommand: Command = {
  args: '',
  help: 'Writes a certificate request for one address, signed with a key: <key without extension>.csr.',
  options: [
    { flags: '--key <file>', help: 'the private key' },
    { flags: '--ip <ip>', help: 'the address' },
  ],
  run: async (_args, options, io) => {
    const keyPath = options.required('key');
    const ip = options.required('ip');
    return write(io, genCsr({ keyPath, key: await readInput(io, keyPath), ip }));
  },
};

export const genCrtCommand: Command = {
  args: '',
  help: 'Writes a certificate for a request, signed by an authority: <name>.crt.',
  options: [
    { flags: '--ca <name>', help: 'the authority: <name>.crt and <name>.key' },
    { flags: '--csr <file>', help: 'the request' },
    { flags: '--name <name>', help: 'the file name without .crt' },
    { ...HOURS, default: '24' },
  ],
  run: async (_args, options, io) => {
    const ca = options.required('ca');
    const csrPath = options.required('csr');
    const name = options.required('name');
    const [caCrt, caKey] = [await readInput(io, `${ca}.crt`), await readInput(io, `${ca}.key`)];
    const csr = await readInput(io, csrPath);
    return write(io, genCrt({ caCrt, caKey, csr, name, hours: options.integer('hours'), now: Date.now() }));
  },
};

export const genKeypairCommand: Command = {
  args: '',
  help: 'Writes a self-signed pair, valid for a day: <organization>.crt and .key.',
  options: [
    { flags: '--organization <organization>', help: 'whose pair it is' },
    { flags: '--ip <ip>', help: 'the address it is for', default: '' },
  ],
  run: async (_args, options, io) => {
    const organization = options.required('organization');
    return write(io, await genKeypair({ organization, ip: options.string('ip'), now: Date.now() }));
  },
};

async function write(io: Io, files: readonly GeneratedFile[]): Promise<number> {
  for (const { name, content } of files) await writeSecret(io, name, content);
  return 0;
}
