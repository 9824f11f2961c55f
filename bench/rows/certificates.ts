import { generateKeyPair, type KeyObject, randomBytes, sign } from 'node:crypto';
import { promisify } from 'node:util';
import { CertificateAuthority, createCa, validFor } from '../../src/pki/ca.ts';
import { decodePrivateKey } from '../../src/pki/keys.ts';
import { atLeastOf, type Row } from '../row.ts';

const generate = promisify(generateKeyPair);
const SECONDS_PER_ROUND = 0.6;
const ROUNDS = 3;
const AT_ONCE = 16;
/** Bytes of a leaf's part that is signed. */
const SIGNED_BYTES = 290;

/**
 * Leaves issued: a new key, a signed certificate, both as PEM. The floor is what node:crypto does of that: key, its
 * export, signature and base64, without any DER of a certificate.
 */
export async function* certificateRows(): AsyncGenerator<Row> {
  for (const algorithm of ['ed25519', 'ecdsa'] as const) {
    const validity = validFor(Date.now(), 24, 1);
    const pair = await createCa({ algorithm, subject: { organizations: ['bench'] }, validity });
    const ca = new CertificateAuthority(pair);
    const key = decodePrivateKey(pair.key);
    const leaf = { subject: { organizations: ['bench'] }, dnsNames: ['node-1'], ips: ['10.0.0.1'], validity };
    const rates = { issue: 0, floor: 0 };
    for (let round = 0; round < ROUNDS; round++) {
      rates.floor = Math.max(rates.floor, await perSecond(() => bare(algorithm, key)));
      rates.issue = Math.max(rates.issue, await perSecond(() => ca.issue(leaf)));
    }
    const name = algorithm === 'ecdsa' ? 'P-256' : 'Ed25519';
    yield atLeastOf(`certificates issued, ${name} (1/s)`, rates.issue, rates.floor, 0.8, 'bare node:crypto');
  }
}

async function bare(algorithm: 'ed25519' | 'ecdsa', authority: KeyObject): Promise<void> {
  const { publicKey, privateKey } =
    algorithm === 'ed25519' ? await generate('ed25519') : await generate('ec', { namedCurve: 'P-256' });
  publicKey.export({ format: 'der', type: 'spki' });
  privateKey.export({ format: 'pem', type: 'pkcs8' });
  const body = randomBytes(SIGNED_BYTES);
  const signature = sign(algorithm === 'ecdsa' ? 'sha256' : null, body, authority);
  Buffer.concat([body, signature]).toString('base64');
}

async function perSecond(work: () => Promise<unknown>): Promise<number> {
  const begin = performance.now();
  const end = begin + SECONDS_PER_ROUND * 1000;
  let done = 0;
  const worker = async () => {
    for (; performance.now() < end; done++) await work();
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return done / ((performance.now() - begin) / 1000);
}
