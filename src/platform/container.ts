import { readFile } from 'node:fs/promises';
import { TalosdError } from '../lib/errors.ts';
import type { Platform } from './platform.ts';

/** A node in a container: config in the environment variable `USERDATA` (base64), name in `/etc/hostname`. */
export function containerPlatform(environment: NodeJS.ProcessEnv, hostnameFile = '/etc/hostname'): Platform {
  return {
    name: 'container',
    mode: 'container',
    configuration: async ({ log }) => {
      log.info('fetching machine config from: USERDATA environment variable');
      const encoded = environment['USERDATA']?.trim();
      return encoded ? decodeBase64(encoded) : undefined;
    },
    hostname: async () => (await readFile(hostnameFile, 'utf8')).trim() || undefined,
    externalAddresses: async () => [],
  };
}

function decodeBase64(text: string): Uint8Array {
  const compact = text.replace(/\s+/g, '');
  const stray = compact.search(/[^A-Za-z0-9+/=]/);
  if (stray >= 0 || compact.length % 4 !== 0) {
    const position = stray >= 0 ? stray : compact.length;
    throw new TalosdError('unknown', `USERDATA: illegal base64 data at input byte ${position}`);
  }
  return Buffer.from(compact, 'base64');
}
