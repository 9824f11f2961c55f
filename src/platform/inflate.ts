import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { errorMessage, TalosdError } from '../lib/errors.ts';

const inflate = promisify(gunzip);
const LARGEST_CONFIG = 16 * 1024 * 1024;

/** A config as its text: platforms may hand out gzip, which its first three bytes tell (sequences-and-services.md §2.7). */
export async function inflated(bytes: Uint8Array): Promise<Uint8Array> {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b || bytes[2] !== 0x08) return bytes;
  try {
    return await inflate(bytes, { maxOutputLength: LARGEST_CONFIG });
  } catch (error) {
    throw new TalosdError('unknown', `error unzipping machine config: ${errorMessage(error)}`, { cause: error });
  }
}
