import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { fingerprint } from '../pki/certificate.ts';
import { requestCertificate } from './client.ts';
import type { Issuer } from './sign.ts';

/** Where a node without `machine.ca.crt` keeps the authority of its first answer. */
export interface CaPin {
  /** PEM, or undefined before the first answer. */
  load(): Promise<Buffer | undefined>;
  save(ca: Buffer): Promise<void>;
}

export interface NetworkIssuerOptions {
  /** Addresses of control-plane nodes now. */
  endpoints(): Promise<readonly string[]>;
  readonly port?: number;
  readonly token: string;
  /** `machine.ca.crt` where the config has it. */
  readonly configuredCa?: Buffer;
  readonly pin: CaPin;
  readonly log: Logger;
  readonly clock: Clock;
}

/**
 * The issuer of a worker (machine-config.md §15, "Talos CA on workers"): with `machine.ca.crt` trustd is verified
 * against it; without, the authority of the first answer is pinned, which is logged once, and any other refused.
 */
export function networkIssuer(options: NetworkIssuerOptions): Issuer {
  const { endpoints, port, token, configuredCa, pin, log, clock } = options;
  return async (csr, signal) => {
    const pinnedCa = configuredCa ?? (await pin.load());
    const answer = await requestCertificate({
      endpoints: await endpoints(),
      port,
      token,
      csr,
      pinnedCa,
      log,
      signal,
      clock,
    });
    if (!pinnedCa) {
      await pin.save(answer.ca);
      log.warn(`machine.ca.crt is not set: from now on only the authority ${fingerprint(answer.ca)} is believed`);
    }
    return answer;
  };
}
