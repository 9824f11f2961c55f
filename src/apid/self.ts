import { parseIp } from '../lib/ip.ts';

const WILDCARDS = new Set(['', '0.0.0.0', '::']);

/**
 * Answers whether a target of `nodes` is this node: the IP its listener is bound to, or with a wildcard listener any
 * IP of an interface of its network namespace. Host names never are: they are dialled.
 */
export function selfMatcher(
  listenHost: string,
  interfaceAddresses: () => ReadonlySet<string>,
): (target: string) => boolean {
  if (WILDCARDS.has(listenHost)) {
    return target => {
      if (interfaceAddresses().has(target)) return true;
      const canonical = parseIp(target)?.text;
      return canonical !== undefined && canonical !== target && interfaceAddresses().has(canonical);
    };
  }
  const own = parseIp(listenHost)?.text ?? listenHost;
  return target => target === own || (target.includes(':') && parseIp(target)?.text === own);
}
