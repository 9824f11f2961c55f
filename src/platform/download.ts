import type { Clock } from '../lib/clock.ts';
import { errorMessage, hasCode, TalosdError } from '../lib/errors.ts';
import { parseGoUrl } from '../lib/go-url.ts';
import { readFileLimited } from '../system/files.ts';
import { type HttpAnswer, type HttpFetch, redactUrl } from '../system/http.ts';
import type { PlatformContext } from './platform.ts';

/** How one source differs from others. */
export interface DownloadRules {
  readonly headers?: Readonly<Record<string, string>>;
  /** Never through a proxy. */
  readonly direct?: boolean;
  /** Status 404 and an empty answer mean that this machine was given no config. */
  readonly mayBeAbsent?: boolean;
}

/** What downloads need of the outside. `random` (0 to below 1) spreads the waits. */
export interface DownloaderOptions {
  readonly http: HttpFetch;
  readonly clock: Clock;
  readonly random?: () => number;
}

/** How long one source is tried, milliseconds; the deadline of whoever wants the config may be earlier. */
const PATIENCE = 180_000;
/** How long one try may take: a server that accepts and is silent must not use up all the time there is. */
const TRY_PATIENCE = 30_000;
const UNIT = 1_000;
const LARGEST = 16 * 1024 * 1024;

/** Fetches configs and what metadata services know (sequences-and-services.md §2.7). */
export class Downloader {
  readonly #http: HttpFetch;
  readonly #clock: Clock;
  readonly #random: () => number;

  constructor({ http, clock, random = Math.random }: DownloaderOptions) {
    this.#http = http;
    this.#clock = clock;
    this.#random = random;
  }

  /**
   * A document by its URL (http, https or file), tried again with growing waits until it comes with status 200. The last
   * answer decides: `undefined` when it says that there is none (`mayBeAbsent`), else `failed to download config from
   * "<url>": <reason>`. A signal that aborts for a deadline ends it in these words too, any other abort rejects with its reason.
   */
  async download(url: string, context: PlatformContext, rules: DownloadRules = {}): Promise<Buffer | undefined> {
    const { url: parsed, error } = parseGoUrl(url);
    if (!parsed) throw new TalosdError('invalid_argument', redactUrl(error));
    const shown = redactUrl(parsed.text);
    try {
      switch (parsed.scheme) {
        case 'http':
        case 'https':
          return await this.#retrying(url, shown, context, rules);
        case 'file':
          return await readFileLimited(decodeURIComponent(parsed.path), LARGEST);
        case 'tftp':
          throw new TalosdError('unimplemented', 'TFTP is not supported, serve the config over http or https');
        default:
          throw new TalosdError('invalid_argument', `unsupported protocol scheme "${parsed.scheme}"`);
      }
    } catch (failure) {
      if (context.signal.aborted && failure === context.signal.reason) throw failure;
      const code = failure instanceof TalosdError ? failure.code : 'unknown';
      throw new TalosdError(code, `failed to download config from "${shown}": ${errorMessage(failure)}`, {
        cause: failure,
      });
    }
  }

  /** One question without a second try. */
  async ask(
    url: string,
    context: PlatformContext,
    rules: Omit<DownloadRules, 'mayBeAbsent'> = {},
  ): Promise<HttpAnswer> {
    return this.#http({ url, ...rules, limit: LARGEST, signal: context.signal });
  }

  /** Sends a body once; the answer's status is the caller's to judge. */
  async post(
    url: string,
    body: string,
    context: PlatformContext,
    rules: Omit<DownloadRules, 'mayBeAbsent'> = {},
  ): Promise<HttpAnswer> {
    return this.#http({ url, method: 'POST', body, ...rules, limit: LARGEST, signal: context.signal });
  }

  async #retrying(url: string, shown: string, context: PlatformContext, rules: DownloadRules) {
    const { signal, log, waitingFor = () => {} } = context;
    const clock = this.#clock;
    const end = clock.monotonic() + BigInt(PATIENCE) * 1_000_000n;
    const seen = new Set<string>();
    let failure: unknown = new TalosdError('deadline_exceeded', 'no answer');
    try {
      for (let tries = 0; ; tries++) {
        try {
          return await this.#try(url, signal, rules);
        } catch (error) {
          if (signal.aborted || hasCode(error, 'resource_exhausted')) throw error;
          failure = error;
        }
        const reason = errorMessage(failure);
        if (!seen.has(reason)) log.warn(`retrying error: ${reason}`);
        seen.add(reason);
        waitingFor(`the config from "${shown}": ${reason}`);
        const wait = ((2 ** tries - 1) / 2 + this.#random()) * UNIT;
        if (clock.monotonic() + BigInt(Math.ceil(wait * 1e6)) > end) throw failure;
        await clock.sleep(wait, signal);
      }
    } catch (error) {
      if (signal.aborted && hasCode(signal.reason, 'deadline_exceeded')) throw failure;
      throw error;
    } finally {
      waitingFor(undefined);
    }
  }

  async #try(url: string, signal: AbortSignal, rules: DownloadRules): Promise<Buffer | undefined> {
    const { mayBeAbsent = false, ...how } = rules;
    const patience = new AbortController();
    const late = new TalosdError('deadline_exceeded', `Get "${redactUrl(url)}": no answer in ${TRY_PATIENCE / 1000}s`);
    const stop = this.#clock.after(TRY_PATIENCE, () => patience.abort(late));
    try {
      const answer = await this.#http({
        url,
        ...how,
        limit: LARGEST,
        signal: AbortSignal.any([signal, patience.signal]),
      });
      if (mayBeAbsent && answer.status === 404) return undefined;
      if (answer.status !== 200) {
        throw new TalosdError('unavailable', `failed to download config, received ${answer.status}`);
      }
      return mayBeAbsent && answer.body.length === 0 ? undefined : answer.body;
    } finally {
      stop();
    }
  }
}
