import { type ClientRequestArgs, Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { errorMessage, osErrorText, TalosdError } from '../lib/errors.ts';
import { type Environment, proxyFor } from '../lib/proxy.ts';

/** One HTTP question. */
export interface HttpRequest {
  /** `http:` or `https:`; a user and password in it become basic authentication. */
  readonly url: string;
  /** Default GET. */
  readonly method?: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Never through a proxy: metadata services that go by a name. */
  readonly direct?: boolean;
  /** Most bytes of an answer's body; more is `resource_exhausted`. Default 16 MiB. */
  readonly limit?: number;
  readonly signal: AbortSignal;
}

/** The answer, whatever its status. */
export interface HttpAnswer {
  readonly status: number;
  readonly body: Buffer;
}

/**
 * Asks once, following redirects. A refusal by the network rejects with `Get "<url>": <reason>`, an aborted signal with its
 * reason. Rooms take this type.
 */
export type HttpFetch = (request: HttpRequest) => Promise<HttpAnswer>;

const MOST_REDIRECTS = 10;
const DEFAULT_LIMIT = 16 * 1024 * 1024;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/**
 * The HTTP client of the node. The proxies are those of `environment` at the time of each request, so that
 * `machine.env` takes effect without a restart; connections are not kept.
 */
export function httpFetch(environment: Environment): HttpFetch {
  return async request => {
    let current = request;
    for (let redirects = 0; ; redirects++) {
      const { location, ...answer } = await askOnce(current, environment);
      if (location === undefined) return answer;
      if (redirects === MOST_REDIRECTS) throw failure(current, `stopped after ${MOST_REDIRECTS} redirects`);
      current = redirected(current, location, answer.status);
    }
  };
}

/** A text fit for a log: passwords in URLs are not shown. */
export function redactUrl(text: string): string {
  return text.replace(/([a-z][a-z\d+.-]*:\/\/[^/?#@:\s"]*):[^/?#@"]*@/gi, '$1:xxxxx@');
}

async function askOnce(request: HttpRequest, environment: Environment): Promise<HttpAnswer & { location?: string }> {
  const { signal, headers, body, method = 'GET' } = request;
  signal.throwIfAborted();
  if (!URL.canParse(request.url)) throw failure(request, 'invalid URL');
  const url = new URL(request.url);
  const isSecure = url.protocol === 'https:';
  if (!isSecure && url.protocol !== 'http:') {
    throw failure(request, `unsupported protocol scheme "${url.protocol.slice(0, -1)}"`);
  }
  const proxy = request.direct ? undefined : proxyFor(url, environment);
  const choices = { keepAlive: false, proxyEnv: proxy === undefined ? {} : { HTTP_PROXY: proxy, HTTPS_PROXY: proxy } };
  const agent = isSecure ? new HttpsAgent(choices) : new HttpAgent(choices);
  const options: ClientRequestArgs = { method, agent, signal, headers: { 'User-Agent': 'talosd', ...headers } };
  try {
    const message = await answered(isSecure ? httpsRequest(url, options) : httpRequest(url, options), body);
    const status = message.statusCode ?? 0;
    const { location } = message.headers;
    const read = await readBody(message, request.limit ?? DEFAULT_LIMIT);
    return { status, body: read, ...(location !== undefined && REDIRECTS.has(status) ? { location } : {}) };
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (error instanceof TalosdError) throw new TalosdError(error.code, failure(request, error.message).message);
    throw failure(request, reasonOf(error), error);
  } finally {
    agent.destroy();
  }
}

function answered(request: ReturnType<typeof httpRequest>, body: string | undefined): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.once('response', resolve);
    request.once('error', reject);
    request.end(body);
  });
}

async function readBody(message: IncomingMessage, limit: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let total = 0;
  for await (const part of message as AsyncIterable<Buffer>) {
    total += part.length;
    if (total > limit) throw new TalosdError('resource_exhausted', `the answer is larger than ${limit} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts, total);
}

/** What follows a redirect: only the same place sees the headers again, and only 307 and 308 repeat a body. */
function redirected(request: HttpRequest, location: string, status: number): HttpRequest {
  const from = new URL(request.url);
  if (!URL.canParse(location, from.href)) throw failure(request, `failed to parse Location header "${location}"`);
  const to = new URL(location, from.href);
  const repeats = status === 307 || status === 308;
  const { headers, method, body, ...rest } = request;
  return {
    ...rest,
    url: to.href,
    ...(to.host === from.host && headers ? { headers } : {}),
    ...(repeats && method ? { method } : {}),
    ...(repeats && body !== undefined ? { body } : {}),
  };
}

function failure({ url, method = 'GET' }: HttpRequest, reason: string, cause?: unknown): TalosdError {
  const verb = method === 'GET' ? 'Get' : 'Post';
  return new TalosdError('unavailable', `${verb} "${redactUrl(url)}": ${reason}`, { cause });
}

const UNTRUSTED = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/** Why it did not work, in the words of the v0.9 API. A name with several addresses fails with what the last one said. */
function reasonOf(thrown: unknown): string {
  const last = thrown instanceof AggregateError ? thrown.errors.at(-1) : thrown;
  const { code, syscall, address, port, hostname } = last as NodeJS.ErrnoException & Record<string, unknown>;
  if (code === 'ENOTFOUND') return `dial tcp: lookup ${hostname}: no such host`;
  if (code === 'EAI_AGAIN') return `dial tcp: lookup ${hostname}: no answer from a name server`;
  if (syscall === 'connect' && code) {
    const host = String(address).includes(':') ? `[${address}]` : address;
    return `dial tcp ${host}:${port}: connect: ${osErrorText(code)}`;
  }
  if (code && UNTRUSTED.has(code)) return 'x509: certificate signed by unknown authority';
  if (code === 'CERT_HAS_EXPIRED') return 'x509: certificate has expired or is not yet valid';
  if (code === 'ECONNRESET') return 'connection closed before the whole answer came';
  return errorMessage(last);
}
