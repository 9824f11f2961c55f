/** A URL taken apart as Go's net/url does it, because its verdicts and error texts are interface. */
export interface GoUrl {
  /** The canonical text of the whole URL. */
  readonly text: string;
  /** Lower case; empty for a relative reference. */
  readonly scheme: string;
  /** What follows the scheme where no slash does (`foo:6443` → `6443`). */
  readonly opaque: string;
  /** User and password as written, without the `@`; undefined without them. */
  readonly userinfo: string | undefined;
  /** Host and port as written, unescaped; IPv6 in brackets. Undefined where no `//` introduced one. */
  readonly host: string | undefined;
  /** As written, or escaped anew where it held characters that need it. */
  readonly path: string;
  /** With its `?`, empty without. */
  readonly query: string;
  /** With its `#`, empty without. */
  readonly fragment: string;
}

const HOST_CHARACTERS = /^[A-Za-z0-9\-_.~!$&'()*+,;=:[\]<>"\u0080-\u{10ffff}]*$/u;
const USER_CHARACTERS = /^[A-Za-z0-9\-._:~!$&'()*+,;=%@]*$/;
const PATH_CHARACTERS = /^(?:[A-Za-z0-9\-_.~!$&'()*+,;=:@/[\]]|%[\da-fA-F]{2})*$/;
const BAD_ESCAPE = /%(?![\da-fA-F]{2}).{0,2}/s;

/** What reading a URL gave: the URL, or why it is none. */
export type GoUrlResult = { url: GoUrl; error?: undefined } | { url?: undefined; error: string };

/** Parses a URL reference; the error reads `parse "<text>": <why>` (machine-config.md §1.1, §7.2). */
export function parseGoUrl(text: string): GoUrlResult {
  try {
    const parts = splitUrl(text);
    return { url: { ...parts, text: formatUrl(parts) } };
  } catch (error) {
    if (error instanceof UrlProblem) return { error: `parse ${goQuote(text)}: ${error.message}` };
    throw error;
  }
}

/** Thrown inside this file only: why a text is no URL. */
class UrlProblem extends Error {}

const fail = (why: string): UrlProblem => new UrlProblem(why);

function splitUrl(text: string): Omit<GoUrl, 'text'> {
  const hash = text.indexOf('#');
  const [main, fragment] = hash < 0 ? [text, ''] : [text.slice(0, hash), text.slice(hash)];
  if (/[\x00-\x1f\x7f]/.test(main)) throw fail('net/url: invalid control character in URL');
  if (main.startsWith(':')) throw fail('missing protocol scheme');
  const scheme = /^([A-Za-z][A-Za-z0-9+\-.]*):/.exec(main)?.[1] ?? '';
  let rest = scheme ? main.slice(scheme.length + 1) : main;
  const mark = rest.indexOf('?');
  const query = mark < 0 ? '' : rest.slice(mark);
  if (mark >= 0) rest = rest.slice(0, mark);
  const base = { scheme: scheme.toLowerCase(), userinfo: undefined, query, fragment: escapeRest(fragment) };
  if (!rest.startsWith('/')) {
    if (scheme) return { ...base, opaque: rest, host: undefined, path: '' };
    if (rest.split('/', 1)[0]!.includes(':')) throw fail('first path segment in URL cannot contain colon');
  }
  if (!rest.startsWith('//') || (!scheme && rest.startsWith('///')))
    return { ...base, opaque: '', host: undefined, path: escapeRest(rest) };
  const slash = rest.indexOf('/', 2);
  const authority = slash < 0 ? rest.slice(2) : rest.slice(2, slash);
  const at = authority.lastIndexOf('@');
  const host = readHost(authority.slice(at + 1));
  const userinfo = at < 0 ? undefined : authority.slice(0, at);
  if (userinfo !== undefined && !USER_CHARACTERS.test(userinfo)) throw fail('net/url: invalid userinfo');
  return { ...base, opaque: '', userinfo, host, path: slash < 0 ? '' : escapeRest(rest.slice(slash)) };
}

function formatUrl(url: Omit<GoUrl, 'text'>): string {
  const scheme = url.scheme && `${url.scheme}:`;
  if (url.opaque) return scheme + url.opaque + url.query + url.fragment;
  const user = url.userinfo === undefined ? '' : `${url.userinfo}@`;
  const hasAuthority = url.host !== undefined && (url.scheme !== '' || url.host !== '' || user !== '');
  const authority = hasAuthority ? `//${user}${url.host!.replace(/%|[^\x00-\x7f]+/g, encodeURIComponent)}` : '';
  return scheme + authority + url.path + url.query + url.fragment;
}

/** The host without brackets and port. */
export function urlHostname(url: GoUrl): string {
  const host = url.host ?? '';
  const bracketed = /^\[(.*)\]/.exec(host)?.[1];
  return bracketed ?? host.replace(/:\d*$/, '');
}

/** The port as written, empty without one. */
export function urlPort(url: GoUrl): string {
  return /:(\d*)$/.exec((url.host ?? '').replace(/^\[.*\]/, ''))?.[1] ?? '';
}

function readHost(host: string): string {
  let port = '';
  if (host.startsWith('[')) {
    const end = host.lastIndexOf(']');
    if (end < 0) throw fail("missing ']' in host");
    port = host.slice(end + 1);
    if (!/^(?::\d*)?$/.test(port)) throw fail(`invalid port ${goQuote(port)} after host`);
  } else {
    const colon = host.lastIndexOf(':');
    port = colon < 0 ? '' : host.slice(colon);
    if (!/^(?::\d*)?$/.test(port)) throw fail(`invalid port ${goQuote(port)} after host`);
  }
  const bad = /%(?![89a-fA-F][\da-fA-F]|25).{0,2}/.exec(host)?.[0];
  if (bad !== undefined) throw fail(`invalid URL escape ${goQuote(bad)}`);
  const unescaped = host.replace(/(?:%[\da-fA-F]{2})+/g, unescapeBytes);
  const plain = host.replace(/%[\da-fA-F]{2}/g, '');
  if (!HOST_CHARACTERS.test(plain)) {
    const character = [...plain].find(each => !HOST_CHARACTERS.test(each))!;
    throw fail(`invalid character ${goQuote(character)} in host name`);
  }
  return unescaped;
}

/** A path or fragment in canonical form: kept where every character may stand there, escaped anew elsewhere. */
function escapeRest(text: string): string {
  const bad = BAD_ESCAPE.exec(text)?.[0];
  if (bad !== undefined) throw fail(`invalid URL escape ${goQuote(bad)}`);
  const mark = text.startsWith('#') ? '#' : '';
  const body = text.slice(mark.length);
  if (PATH_CHARACTERS.test(body)) return text;
  return (
    mark +
    body.replace(/%[\da-fA-F]{2}|[^A-Za-z0-9\-_.~$&+,/:;=@]/gu, part =>
      part[0] === '%' ? part : encodeURIComponent(part),
    )
  );
}

function unescapeBytes(escapes: string): string {
  return Buffer.from(escapes.replaceAll('%', ''), 'hex').toString('utf8');
}

/** Text in double quotes with Go's escapes for what does not print. */
function goQuote(text: string): string {
  return JSON.stringify(text).replace(/\\u00([01][\da-f])/g, '\\x$1');
}
