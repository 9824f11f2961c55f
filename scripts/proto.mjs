// Generates src/gen from proto with the compiler and the plugin that npm installed; same input, same bytes.
// `--out DIR` writes elsewhere (test/proto.test.ts compares that with src/gen).
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { installPackages, projectEnvironment, root } from './setup.mjs';

// Why each: design/dependencies.md. `useDate=false` keeps nanoseconds; `enumsAsLiterals`, `importSuffix` and
// `esModuleInterop` make the result fit Node's type stripping.
const OPTIONS = [
  'outputServices=grpc-js',
  'env=node',
  'forceLong=bigint',
  'unknownFields=true',
  'useDate=false',
  'oneof=unions-value',
  'snakeToCamel=keys',
  'outputJsonMethods=false',
  'outputPartialMethods=false',
  'enumsAsLiterals=true',
  'importSuffix=.ts',
  'esModuleInterop=true',
];

const bin = name => join(root, 'node_modules', '.bin', name);

/** Paths of all files below `folder` that end in `suffix`, sorted the same on every machine. */
function filesBelow(folder, suffix) {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter(path => path.endsWith(suffix))
    .sort();
}

/**
 * Makes `decode` join the occurrences of an embedded message, as protobuf demands and ts-proto does not: apid appends
 * `metadata{hostname}` to elements that may already carry `metadata{error}` (spec/api.md §1.5). The decoder takes the
 * message to continue as a third argument, and singular message fields hand over what they hold so far.
 */
function mergeEmbeddedMessages(source) {
  let decoders = 0;
  const merged = source
    .replaceAll(
      /^( {2}decode\(input: BinaryReader \| Uint8Array, length\?: number)(\): (\w+) \{\n(?:(?! {2}\},\n).*\n)*?) +const message = createBase\3\(\);\n/gm,
      (_, parameters, head, type) => {
        decoders++;
        return `${parameters}, message: ${type} = createBase${type}()${head}`;
      },
    )
    .replaceAll(
      /^( +message\.(\w+) = \w+\.decode\(reader, reader\.uint32\(\))\);$/gm,
      (_, call, field) => `${call}, message.${field});`,
    )
    .replace(/^( {2}decode\(input: BinaryReader \| Uint8Array, length\?: number)(\): T;)$/m, '$1, message?: T$2');
  const messages = source.match(/^function createBase/gm)?.length ?? 0;
  if (decoders !== messages) throw new Error(`ts-proto changed its decoders: ${decoders} of ${messages} recognised`);
  return merged;
}

/** The generated files, path to text. */
function generate() {
  const proto = join(root, 'proto');
  const work = mkdtempSync(join(tmpdir(), 'talosd-proto-'));
  try {
    execFileSync(
      bin('protoc'),
      [
        `--proto_path=${proto}`,
        `--plugin=protoc-gen-ts_proto=${bin('protoc-gen-ts_proto')}`,
        `--ts_proto_out=${work}`,
        `--ts_proto_opt=${OPTIONS.join(',')}`,
        ...filesBelow(proto, '.proto'),
      ],
      { env: projectEnvironment(), stdio: 'inherit' },
    );
    return new Map(
      filesBelow(work, '.ts').map(path => [path, mergeEmbeddedMessages(readFileSync(join(work, path), 'utf8'))]),
    );
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Makes `folder` hold exactly `files`; what is right already is not touched. Returns how many paths changed. */
function synchronise(folder, files) {
  mkdirSync(folder, { recursive: true });
  const stale = filesBelow(folder, '.ts').filter(path => !files.has(path));
  for (const path of stale) rmSync(join(folder, path));
  let changed = stale.length;
  for (const [path, text] of files) {
    const target = join(folder, path);
    if (existsSync(target) && readFileSync(target, 'utf8') === text) continue;
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, text);
    changed++;
  }
  return changed;
}

const { values } = parseArgs({ options: { out: { type: 'string', default: join(root, 'src', 'gen') } } });
if (!existsSync(bin('protoc')) || !existsSync(bin('protoc-gen-ts_proto'))) installPackages();
const files = generate();
console.log(`${values.out}: ${files.size} files, ${synchronise(resolve(values.out), files)} changed`);
