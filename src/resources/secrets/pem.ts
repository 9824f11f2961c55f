import type { YamlValue } from '../yaml.ts';

/** A certificate and its private key, as PEM texts. */
export interface PemPair {
  readonly crt: string;
  readonly key: string;
}

/** A private key as PEM text. */
export interface PemKey {
  readonly key: string;
}

/** A pair as the API shows it: base64 of the PEM texts; `null` where there is none (spec/resources.md §6). */
export function pairForm(pair: PemPair | null): YamlValue {
  return pair && { crt: base64(pair.crt), key: base64(pair.key) };
}

/** A key as the API shows it. */
export function keyForm(key: PemKey | null): YamlValue {
  return key && { key: base64(key.key) };
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
