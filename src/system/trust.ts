import { X509Certificate } from 'node:crypto';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/**
 * Authorities that the TLS clients of this process believe when nobody names others. The process begins with those that
 * Node carries; `trust` puts further ones beside them and forgets those of the call before.
 */
export class TrustedAuthorities {
  #own: string[] | undefined;

  /** Believes each certificate in `bundles` (PEM, other text between them is skipped); returns how many there are. */
  trust(bundles: readonly string[]): number {
    const found = new Set(bundles.flatMap(bundle => bundle.match(CERTIFICATE) ?? []).filter(isCertificate));
    if (found.size === 0 && !this.#own) return 0;
    this.#own ??= getCACertificates('default');
    setDefaultCACertificates([...this.#own, ...found]);
    return found.size;
  }

  /** Believes nobody but whom the process began with: what one life of the agent trusted is not the next one's. */
  release(): void {
    if (this.#own) setDefaultCACertificates([...this.#own]);
    this.#own = undefined;
  }
}

function isCertificate(pem: string): boolean {
  try {
    new X509Certificate(pem);
    return true;
  } catch {
    return false; // a bundle may hold what this build cannot read
  }
}
