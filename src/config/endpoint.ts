import { TalosdError } from '../lib/errors.ts';
import { type GoUrl, parseGoUrl, urlHostname, urlPort } from '../lib/go-url.ts';

/**
 * Checks the cluster endpoint that a user typed and returns it in canonical form; the errors are those of
 * spec/machine-config.md §7.2, with a suggestion where one is at hand.
 */
export function checkClusterEndpoint(text: string): string {
  const url = parseOrHostPort(text);
  if (url.scheme === '') {
    const what = urlPort(url) === '' ? 'no scheme and port' : 'no scheme';
    throw bad(`${what} specified for the cluster endpoint URL\ntry: ${suggestion(url)}`);
  }
  if (url.scheme !== 'https')
    throw bad(`the control plane endpoint URL should have scheme https://\ntry: ${suggestion(url)}`);
  const problem = endpointProblem(url.text);
  if (problem !== undefined) throw bad(`error validating the cluster endpoint URL: ${problem}`);
  return url.text;
}

/** Why a canonical URL cannot be the control plane's, undefined where it can (rule 4 of spec/machine-config.md §5). */
export function endpointProblem(text: string): string | undefined {
  const url = readUrl(text);
  const host = url.host ?? '';
  if (/^[^[].*:.*:/.test(host)) return 'IPv6 addresses MUST be enclosed by square brackets';
  if (urlHostname(url) === '') return 'hostname must not be blank';
  const port = urlPort(url);
  if (port === '') return undefined;
  if (port.length > 18) return 'port number must be numeric';
  return Number(port) < 1 || Number(port) > 65535 ? 'port number must be between 1 and 65535' : undefined;
}

/** The host of the endpoint for the API server's certificate: only where the URL names a port (§7.3). */
export function endpointSan(endpoint: string): string | undefined {
  const url = readUrl(endpoint);
  return urlPort(url) === '' ? undefined : urlHostname(url);
}

/** The host of the endpoint, IPv6 without brackets. */
export function endpointHost(endpoint: string): string {
  return urlHostname(readUrl(endpoint));
}

/** What a user typed as URL, or, where it names no scheme, as `host`, `host:port` or `host/path`. */
function parseOrHostPort(text: string): GoUrl {
  const { url, error } = parseGoUrl(text);
  if (url && (url.scheme !== '' || url.host !== undefined || text.startsWith('/'))) return url;
  if (error !== undefined && text.includes('/')) throw bad(`failed to parse the cluster endpoint URL: ${error}`);
  const hostPort = parseGoUrl(`//${text}`);
  if (hostPort.url) return hostPort.url;
  throw bad(`failed to parse the cluster endpoint URL: ${hostPort.error.replace('parse "//', 'parse "')}`);
}

function readUrl(text: string): GoUrl {
  const { url, error } = parseGoUrl(text);
  if (url) return url;
  throw bad(error);
}

function suggestion(url: GoUrl): string {
  if (url.opaque) return `"https:${url.opaque}"`;
  const host = (url.host ?? '').replace(/:$/, '');
  return `"https://${host}${urlPort(url) === '' ? ':6443' : ''}${url.path}${url.query}"`;
}

const bad = (message: string) => new TalosdError('invalid_argument', message);
