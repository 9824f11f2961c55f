/**
 * Paths into a machine configuration as people read them: `machine.network.interfaces[0].mtu`,
 * `machine.sysctls["net.ipv4.ip_forward"]`. Keys that are no plain word stand in brackets as JSON text.
 */

const PLAIN_KEY = /^[A-Za-z_][A-Za-z0-9_-]*$/;

/** `parent` extended by a key of a mapping; the empty path is the document itself. */
export function keyPath(parent: string, key: string): string {
  if (!PLAIN_KEY.test(key)) return `${parent}[${JSON.stringify(key)}]`;
  return parent === '' ? key : `${parent}.${key}`;
}

/** `parent` extended by the index of a list entry. */
export function indexPath(parent: string, index: number): string {
  return `${parent}[${index}]`;
}

/** The path one level up, `undefined` for the document itself. */
export function parentPath(path: string): string | undefined {
  if (path === '') return undefined;
  if (path.endsWith('"]')) {
    const bracket = /\["(?:[^"\\]|\\.)*"\]$/.exec(path);
    return bracket ? path.slice(0, bracket.index) : '';
  }
  const cut = Math.max(path.lastIndexOf('.'), path.lastIndexOf('['));
  return cut < 0 ? '' : path.slice(0, cut);
}
