import { readFile } from 'node:fs/promises';
import { decodeBase64 } from '../lib/base64.ts';
import { TalosdError } from '../lib/errors.ts';
import type { Environment } from '../lib/proxy.ts';
import type { Platform } from './platform.ts';

/** A node in a container: config in the environment variable `USERDATA` (base64), name in `/etc/hostname`. */
export function containerPlatform(environment: Environment, hostnameFile = '/etc/hostname'): Platform {
  return {
    name: 'container',
    mode: 'container',
    configuration: async ({ log }) => {
      log.info('fetching machine config from: USERDATA environment variable');
      const encoded = environment['USERDATA']?.trim();
      return encoded ? decoded(encoded.replace(/[ \t]+/g, '')) : undefined;
    },
    hostname: async () => (await readFile(hostnameFile, 'utf8')).trim() || undefined,
    externalAddresses: async () => [],
  };
}

function decoded(text: string): Uint8Array {
  const { bytes, badOffset } = decodeBase64(text);
  if (!bytes) throw new TalosdError('unknown', `USERDATA: illegal base64 data at input byte ${badOffset}`);
  return bytes;
}
