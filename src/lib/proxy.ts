import { cidrContains, parseCidr, parseIp } from './ip.ts';

/** Environment variables, or a part of them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The proxy that a request to `url` goes through, as a URL; undefined for a direct connection. Follows the variables
 * `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` in either case, as Go programs read them: `NO_PROXY` lists addresses,
 * networks, names (with their subdomains), each with an optional port, or `*`; this machine itself and link-local
 * addresses (metadata services) are never asked through a proxy.
 */
export function proxyFor(url: URL, environment: Environment): string | undefined {
  const proxy = variable(environment, url.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY');
  if (proxy === undefined || isDirect(url, variable(environment, 'NO_PROXY') ?? '')) return undefined;
  return /^[a-z][a-z\d+.-]*:\/\//i.test(proxy) ? proxy : `http://${proxy}`;
}

const NEVER_PROXIED = ['127.0.0.0/8', '::1/128', '169.254.0.0/16', 'fe80::/10'];

function variable(environment: Environment, name: string): string | undefined {
  return environment[name]?.trim() || environment[name.toLowerCase()]?.trim() || undefined;
}

function isDirect(url: URL, exceptions: string): boolean {
  const host = url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  if (host === 'localhost' || NEVER_PROXIED.some(network => isWithin(host, network))) return true;
  const entries = exceptions.split(',').map(entry => entry.trim().toLowerCase());
  return entries.filter(Boolean).some(entry => matches(entry, host, port));
}

function matches(entry: string, host: string, port: string): boolean {
  if (entry === '*' || isWithin(host, entry)) return true;
  const [, name = entry, wantedPort] = /^(\[[^\]]*\]|[^:]*):(\d+)$/.exec(entry) ?? [];
  if (wantedPort !== undefined && wantedPort !== port) return false;
  const plain = name.replace(/^\[|\]$/g, '');
  const address = parseIp(plain);
  if (address) return parseIp(host)?.text === address.text;
  if (plain.startsWith('.') || plain.startsWith('*.')) return host.endsWith(plain.replace(/^\*/, ''));
  return host === plain || host.endsWith(`.${plain}`);
}

function isWithin(host: string, network: string): boolean {
  const cidr = parseCidr(network);
  const address = parseIp(host);
  return cidr !== undefined && address !== undefined && cidrContains(cidr, address);
}
