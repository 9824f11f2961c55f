import { parseDocument } from 'yaml';
import { decodeBase64 } from '../../lib/base64.ts';
import { TalosdError } from '../../lib/errors.ts';
import { formatBytes } from '../format.ts';
import { inlineText } from '../yaml-scalar.ts';
import type { SecretsBundle } from './secrets.ts';

const PAIRS = [
  ['etcd', 'etcd'],
  ['kubernetes', 'k8s'],
  ['aggregator', 'k8saggregator'],
  ['os', 'os'],
] as const;

/** The text of a secrets file (`gen secrets`), from which any number of configs can be made: write it with mode 0600. */
export function renderSecrets(bundle: SecretsBundle): string {
  const lines = [
    'secrets:',
    `    bootstraptoken: ${inlineText(bundle.bootstrapToken)}`,
    `    aescbcencryptionsecret: ${inlineText(bundle.aescbcEncryptionSecret)}`,
    'trustdinfo:',
    `    token: ${inlineText(bundle.trustdToken)}`,
    'certs:',
  ];
  for (const [part, key] of PAIRS) {
    const pair = bundle[part];
    if (pair) lines.push(`    ${key}:`, `        crt: ${base64(pair.crt)}`, `        key: ${base64(pair.key)}`);
  }
  if (bundle.serviceAccountKey)
    lines.push('    k8sserviceaccount:', `        key: ${base64(bundle.serviceAccountKey)}`);
  return `${lines.join('\n')}\n`;
}

/** Reads a secrets file; what is missing or malformed is named by its path. */
export function parseSecrets(text: string): SecretsBundle {
  const document = parseDocument(text, { schema: 'failsafe' });
  const problem = document.errors[0];
  if (problem) throw bad(problem.message.split('\n', 1)[0]!);
  const read = (...path: string[]): string => {
    const value: unknown = document.getIn(path);
    if (typeof value !== 'string' || value === '') throw bad(`${path.join('.')}: found nothing, expected a text`);
    return value;
  };
  const bytes = (...path: string[]): Buffer => {
    const result = decodeBase64(read(...path));
    if (!result.bytes) throw bad(`${path.join('.')}: expected base64`);
    return Buffer.from(result.bytes);
  };
  const pair = (name: string) => ({ crt: bytes('certs', name, 'crt'), key: bytes('certs', name, 'key') });
  return {
    os: pair('os'),
    kubernetes: pair('k8s'),
    etcd: pair('etcd'),
    aggregator: document.hasIn(['certs', 'k8saggregator']) ? pair('k8saggregator') : undefined,
    serviceAccountKey: document.hasIn(['certs', 'k8sserviceaccount'])
      ? bytes('certs', 'k8sserviceaccount', 'key')
      : undefined,
    trustdToken: read('trustdinfo', 'token'),
    bootstrapToken: read('secrets', 'bootstraptoken'),
    aescbcEncryptionSecret: read('secrets', 'aescbcencryptionsecret'),
  };
}

const base64 = (value: Uint8Array): string => inlineText(formatBytes(value));
const bad = (message: string) => new TalosdError('invalid_argument', `secrets file: ${message}`);
