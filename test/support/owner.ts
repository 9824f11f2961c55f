import { parseTalosconfig } from '../../src/config/talosconfig.ts';
import { tlsPrivateKey } from '../../src/pki/keys.ts';

/** The credentials in the first context of a talosconfig, as Node's TLS takes them. */
export function ownerIdentity(talosconfig: string): { ca: Buffer; cert: Buffer; key: string } {
  const { contexts } = parseTalosconfig(talosconfig);
  const { ca, crt, key } = [...contexts.values()][0]!;
  return { ca: Buffer.from(ca), cert: Buffer.from(crt), key: tlsPrivateKey(Buffer.from(key).toString()) };
}
