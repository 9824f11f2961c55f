import type { Clock } from '../lib/clock.ts';
import { formatDuration } from '../lib/duration.ts';
import { errorMessage, TalosdError, toError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { HOUR_MILLISECONDS } from '../pki/ca.ts';
import { fingerprint, parseCertificate } from '../pki/certificate.ts';
import { createCsr } from '../pki/csr.ts';
import { encodePrivateKey, generateKey, tlsPrivateKey } from '../pki/keys.ts';
import { EMPTY_ORGANIZATION } from '../pki/name.ts';
import type { SubjectNames } from '../pki/san.ts';
import { checkSigned, type Issuer } from './sign.ts';

/** The leaf that this node shows, as server and as client. */
export interface NodeCertificate {
  /** PEM of the leaf. */
  readonly crt: Buffer;
  /** PEM of its key as PKCS#8, the form that Node's TLS takes. */
  readonly key: string;
  /** PEM of the authority that issued it. */
  readonly ca: Buffer;
  /** Standard base64 of SHA-256 over the public key. */
  readonly fingerprint: string;
  readonly notBefore: number;
  readonly notAfter: number;
}

export interface NodeCertificatesOptions {
  /** Names and addresses of the node now; asked at every issue and `refresh`. */
  names(): SubjectNames;
  readonly issue: Issuer;
  readonly log: Logger;
  readonly clock: Clock;
}

const LONGEST_WAIT_MILLISECONDS = 24 * HOUR_MILLISECONDS;
/** The wall clock may be set while we wait: look at it at least this often. */
const TICK_MILLISECONDS = 60_000;
const SHORTEST_RETRY_MILLISECONDS = 5_000;
/** A leaf that lacks a new name or address is urgent, however long it still lives. */
const NAMES_RETRY_MILLISECONDS = 300_000;

/**
 * Keeps the node's leaf fresh (spec/api.md §1.2, "Node certificates"): a new Ed25519 key for each, renewed when half
 * of the remaining life is over, a failed renewal retried after half of what is then left; renewed at once when names
 * or addresses changed, or when the wall clock has moved out of the leaf's life.
 *
 * States: empty → (`start`) current → (due, refreshed, clock moved) renewing → current with a new or the old leaf → … → closed.
 */
export class NodeCertificates {
  readonly #options: NodeCertificatesOptions;
  readonly #listeners = new Set<(certificate: NodeCertificate) => void>();
  readonly #closing = new AbortController();
  #current: NodeCertificate | undefined;
  #issuedNames = '';
  /** Wall clock, milliseconds, as `#nextAttempt`. */
  #issuedAt = 0;
  #nextAttempt = 0;
  #hasFailed = false;
  #wake: () => void = () => {};
  #running: Promise<void> = Promise.resolve();

  constructor(options: NodeCertificatesOptions) {
    this.#options = options;
  }

  /** The leaf to show now. Throws before `start` is done. */
  get current(): NodeCertificate {
    if (!this.#current) throw new TalosdError('unavailable', 'the node has no certificate yet');
    return this.#current;
  }

  /** Gets the first leaf, then keeps it fresh until `close`. Rejects when there is no first one. */
  async start(): Promise<void> {
    await this.#issue();
    this.#running = this.#keepFresh();
  }

  /** Call it when names or addresses may have changed: if they did, a new leaf is issued without delay. */
  refresh(): void {
    if (namesKey(this.#options.names()) === this.#issuedNames) return;
    this.#hasFailed = false;
    this.#wake();
  }

  /** Calls `listener` with each new leaf from now on; the returned function ends that. */
  onChange(listener: (certificate: NodeCertificate) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Ends renewing; the current leaf stays. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#wake();
    await this.#running;
  }

  async #keepFresh(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      const wait = this.#waitMilliseconds();
      if (wait > 0) {
        await this.#sleep(Math.min(wait, TICK_MILLISECONDS));
        continue;
      }
      try {
        await this.#issue();
      } catch (error) {
        if (this.#closing.signal.aborted) return;
        this.#failed(toError(error));
      }
    }
  }

  #waitMilliseconds(): number {
    const now = this.#options.clock.now();
    const wait = this.#nextAttempt - now;
    if (wait > LONGEST_WAIT_MILLISECONDS) return 0; // the clock was set back
    // After a failure only time counts: what is wrong with the leaf is known already.
    if (this.#hasFailed) return wait;
    // A leaf from a trustd whose clock is ahead begins in our future: only what changed since its issue counts.
    const isTooYoung = now < Math.min(this.current.notBefore, this.#issuedAt);
    return isTooYoung || namesKey(this.#options.names()) !== this.#issuedNames ? 0 : wait;
  }

  async #issue(): Promise<void> {
    const { clock, log, names: currentNames, issue } = this.#options;
    const names = currentNames();
    const key = await generateKey('ed25519');
    const csr = createCsr({ key, subject: EMPTY_ORGANIZATION, ...unique(names) });
    const answer = await issue(csr, this.#closing.signal);
    this.#closing.signal.throwIfAborted();
    checkSigned(answer, key);
    const { ca, crt } = answer;
    const leaf = parseCertificate(crt);
    if (leaf.notAfter <= clock.now()) throw new TalosdError('unknown', 'the issued certificate has expired already');
    this.#current = {
      crt,
      key: tlsPrivateKey(encodePrivateKey(key)),
      ca,
      fingerprint: fingerprint(crt),
      notBefore: leaf.notBefore,
      notAfter: leaf.notAfter,
    };
    this.#issuedNames = namesKey(names);
    this.#issuedAt = clock.now();
    this.#hasFailed = false;
    log.info(`issued certificate with fingerprint ${this.#current.fingerprint}`);
    this.#schedule(halfOfRest(leaf.notAfter, clock.now()));
    for (const listener of [...this.#listeners]) listener(this.#current);
  }

  #failed(error: Error): void {
    const { log, clock, names } = this.#options;
    log.error(`failed to renew certificate: ${errorMessage(error)}`);
    this.#hasFailed = true;
    const half = halfOfRest(this.current.notAfter, clock.now());
    const isUrgent = namesKey(names()) !== this.#issuedNames;
    this.#schedule(Math.max(SHORTEST_RETRY_MILLISECONDS, isUrgent ? Math.min(half, NAMES_RETRY_MILLISECONDS) : half));
  }

  #schedule(wait: number): void {
    this.#nextAttempt = this.#options.clock.now() + wait;
    this.#options.log.info(`next renewal in ${formatDuration(BigInt(Math.round(wait)) * 1_000_000n)}`);
  }

  #sleep(milliseconds: number): Promise<void> {
    return new Promise(resolve => {
      const cancel = this.#options.clock.after(milliseconds, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }
}

function halfOfRest(notAfter: number, now: number): number {
  return Math.min((notAfter - now) / 2, LONGEST_WAIT_MILLISECONDS);
}

function unique({ dnsNames, ips }: SubjectNames): SubjectNames {
  return { dnsNames: [...new Set(dnsNames)], ips: [...new Set(ips)] };
}

/** Equal for the same names and addresses in whatever order. */
function namesKey(names: SubjectNames): string {
  const { dnsNames, ips } = unique(names);
  return JSON.stringify([[...dnsNames].sort(), [...ips].sort()]);
}
