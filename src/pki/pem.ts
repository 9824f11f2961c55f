import { TalosdError } from '../lib/errors.ts';

/** One PEM block: its label and the bytes inside. */
export interface PemBlock {
  readonly label: string;
  readonly der: Buffer;
}

/** A certificate and its private key, each the complete PEM text in bytes (machine-config.md §8.1). */
export interface PemPair {
  readonly crt: Buffer;
  readonly key: Buffer;
}

const MAX_PEM_BYTES = 1024 * 1024;
const BEGIN = /^-----BEGIN ([A-Z0-9][A-Z0-9 ]{0,62})-----$/;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** PEM text of one block: lines of 64, a newline at the end. */
export function encodePem(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.map(line => `${line}\n`).join('')}-----END ${label}-----\n`;
}

/**
 * Every block of a text, in order. Text around blocks and header lines inside them are passed over, a block that is
 * cut off or is not base64 is not a block. Linear in the size of the text; more than 1 MiB is refused.
 */
export function decodePem(input: string | Buffer): PemBlock[] {
  if (input.length > MAX_PEM_BYTES) throw new TalosdError('unknown', 'failed to parse PEM block: text too long');
  const blocks: PemBlock[] = [];
  let label: string | undefined;
  let body: string[] = [];
  for (const raw of input.toString('latin1').split('\n')) {
    const line = raw.trim();
    const begin = BEGIN.exec(line)?.[1];
    if (begin !== undefined) {
      label = begin;
      body = [];
    } else if (label !== undefined && line === `-----END ${label}-----`) {
      const base64 = body.join('');
      if (BASE64.test(base64) && base64.length % 4 === 0) blocks.push({ label, der: Buffer.from(base64, 'base64') });
      label = undefined;
    } else if (label !== undefined && !line.includes(':')) body.push(line);
  }
  return blocks;
}

/** The first block of a text; `failed to parse PEM block` without one (machine-config.md §8.1). */
export function firstPem(input: string | Buffer): PemBlock {
  const block = decodePem(input)[0];
  if (!block) throw new TalosdError('unknown', 'failed to parse PEM block');
  return block;
}

/** The first block of a text, which must carry `label`. */
export function labelledPem(input: string | Buffer, label: string): PemBlock {
  const block = firstPem(input);
  if (block.label !== label) throw new TalosdError('unknown', `unsupported PEM block: ${block.label}`);
  return block;
}
