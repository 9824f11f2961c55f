import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseGoUrl, urlHostname, urlPort } from './go-url.ts';

test.each([
  ['https://10.0.0.1:6443', 'https://10.0.0.1:6443', '10.0.0.1', '6443'],
  ['HTTPS://[2001:db8::1]:443/a b?q=1#f', 'https://[2001:db8::1]:443/a%20b?q=1#f', '2001:db8::1', '443'],
  ['https://user:pw@h/', 'https://user:pw@h/', 'h', ''],
  ['https://2001:db8::1', 'https://2001:db8::1', '2001:db8:', '1'],
  ['https://[fe80::1%25eth0]:1', 'https://[fe80::1%25eth0]:1', 'fe80::1%eth0', '1'],
  ['foo', 'foo', '', ''],
  ['', '', '', ''],
  ['https://h:', 'https://h:', 'h', ''],
])('%j is written %j', (text, canonical, hostname, port) => {
  const { url } = parseGoUrl(text);
  expect(url && [url.text, urlHostname(url), urlPort(url)]).toEqual([canonical, hostname, port]);
});

test.each([
  ['10.0.0.1:6443', 'parse "10.0.0.1:6443": first path segment in URL cannot contain colon'],
  ['https://h:x', 'parse "https://h:x": invalid port ":x" after host'],
  ['https://h/%zz', 'parse "https://h/%zz": invalid URL escape "%zz"'],
  [':6443', 'parse ":6443": missing protocol scheme'],
  ['https://[::1', 'parse "https://[::1": missing \']\' in host'],
  ['https://a b/', 'parse "https://a b/": invalid character " " in host name'],
])('%j is refused: %s', (text, error) => {
  expect(parseGoUrl(text)).toEqual({ error });
});

test('what is written is read back the same', () => {
  fc.assert(
    fc.property(fc.webUrl({ withFragments: true, withQueryParameters: true }), text => {
      const { url } = parseGoUrl(text);
      expect(url && parseGoUrl(url.text).url?.text).toBe(url?.text);
    }),
  );
});
