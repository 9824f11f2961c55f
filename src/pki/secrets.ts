import { randomBytes } from 'node:crypto';

const ALPHABET = '0123456789abcdefghijklmnopqrstuvwxyz';
/** The largest multiple of the alphabet's size that a byte can reach: bytes above it would favour the first letters. */
const LIMIT = 252;

/** A trustd or bootstrap token: `[0-9a-z]{6}.[0-9a-z]{16}`, every letter equally likely (machine-config.md §8.1). */
export function generateToken(random: (size: number) => Buffer = randomBytes): string {
  return `${letters(6, random)}.${letters(16, random)}`;
}

/** `cluster.aescbcEncryptionSecret`: base64 of 32 random bytes. */
export function generateAescbcSecret(): string {
  return randomBytes(32).toString('base64');
}

function letters(count: number, random: (size: number) => Buffer): string {
  let result = '';
  while (result.length < count) {
    for (const byte of random(count - result.length)) {
      if (byte < LIMIT) result += ALPHABET[byte % ALPHABET.length];
    }
  }
  return result;
}
