import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cidrContains, formatCidr, networkAddress, networkText, nthAddress, parseCidr, parseIp } from './ip.ts';

describe('IP addresses', () => {
  test.each([
    ['10.0.0.1', '10.0.0.1'],
    ['::ffff:10.0.0.1', '10.0.0.1'],
    ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['1:0:2:3:4:5:6:7', '1:0:2:3:4:5:6:7'],
    ['::', '::'],
  ])('%s is %s', (text, canonical) => {
    expect(parseIp(text)?.text).toBe(canonical);
  });

  test.each(['', '1.2.3', '010.0.0.1', '1.2.3.4/24', '::1/64', 'fe80::1%eth0', '[::1]', '1::2::3', ' ::1', 'host'])(
    '%j is no address',
    text => {
      expect(parseIp(text)).toBeUndefined();
    },
  );

  test('the short way to the text of a network leads where the long one does', () => {
    const byte = fc.integer({ min: 0, max: 260 });
    const address = fc.oneof(
      fc.tuple(byte, byte, byte, byte).map(bytes => bytes.join('.')),
      fc.ipV6(),
      fc.string(),
    );
    const digits = fc.oneof(fc.integer({ min: -1, max: 130 }).map(String), fc.constantFrom('08', '', 'x'));
    fc.assert(
      fc.property(address, digits, (start, length) => {
        const cidr = parseCidr(`${start}/${length}`);
        const network = cidr && { address: networkAddress(cidr), prefix: cidr.prefix };
        const expected = network && { text: formatCidr(network), family: network.address.family };
        expect(networkText(`${start}/${length}`)).toEqual(expected);
      }),
    );
    expect([networkText('10.96.3.4/12'), networkText('10.0.0.1')]).toEqual([
      { text: '10.96.0.0/12', family: 4 },
      undefined,
    ]);
  });

  test('networks', () => {
    const cidr = parseCidr('10.96.3.4/12')!;
    expect(formatCidr(cidr)).toBe('10.96.3.4/12');
    expect(networkAddress(cidr).text).toBe('10.96.0.0');
    expect(nthAddress(cidr, 10n)?.text).toBe('10.96.0.10');
    expect(cidrContains(cidr, parseIp('10.111.255.255')!)).toBe(true);
    expect(cidrContains(cidr, parseIp('10.112.0.0')!)).toBe(false);
    expect(nthAddress(parseCidr('10.0.0.0/30')!, 4n)).toBeUndefined();
    expect(nthAddress(parseCidr('fd00::/64')!, 10n)?.text).toBe('fd00::a');
    expect(parseCidr('::ffff:10.0.0.1/120')).toMatchObject({ prefix: 24 });
    expect(['10.0.0.1', '10.0.0.1/33', '10.0.0.1/', '10.0.0.1/-1', '::1/129', 'x/8'].map(parseCidr)).toEqual(
      Array(6).fill(undefined),
    );
  });
});
