import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Data } from '../gen/common/common.ts';
import { VersionResponse } from '../gen/machine/machine.ts';
import { encodeData, errorMessageOf, errorReplyOf, hostnameMetadata, nameStreamed, nameUnary } from './node-info.ts';
import { statusError } from './status.ts';

const versionInfo = { sha: '', built: '', goVersion: '', os: '', arch: '' };
const encodeVersion = (tag: string) =>
  Buffer.from(
    VersionResponse.encode({
      messages: [{ metadata: undefined, version: { ...versionInfo, tag }, platform: undefined }],
    }).finish(),
  );
const dataOf = (bytes: string, error?: string) =>
  Buffer.from(
    Data.encode({
      metadata: error ? { hostname: '', error, status: undefined } : undefined,
      bytes: Buffer.from(bytes),
    }).finish(),
  );
const refused = statusError('unavailable', 'connection error: desc = "…"');

describe('the name of a node in its answer', () => {
  test('one element gets it appended, byte for byte as the original does', () => {
    const reply = encodeVersion('v0.9.3');
    const named = nameUnary(reply, '10.5.0.2', hostnameMetadata('10.5.0.2'));
    expect(VersionResponse.decode(named).messages).toEqual([
      expect.objectContaining({
        metadata: expect.objectContaining({ hostname: '10.5.0.2' }),
        version: expect.objectContaining({ tag: 'v0.9.3' }),
      }),
    ]);
    expect(nameUnary(Buffer.from('0a00', 'hex'), 'n', hostnameMetadata('n')).toString('hex')).toBe('0a050a030a016e');
  });

  test('any element and any name come back whole, merged replies are their concatenation', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.string({ maxLength: 300 }), fc.string({ unit: 'binary', minLength: 1 })), {
          minLength: 1,
        }),
        nodes => {
          const merged = Buffer.concat(
            nodes.map(([tag, name]) => nameUnary(encodeVersion(tag), name, hostnameMetadata(name))),
          );
          const seen = VersionResponse.decode(merged).messages.map(m => [m.version?.tag, m.metadata?.hostname]);
          expect(seen).toEqual(nodes);
        },
      ),
    );
  });

  test('replies of another form are an error of that node, never a crash', () => {
    const name = (hex: string) => () => nameUnary(Buffer.from(hex, 'hex'), 'n1', hostnameMetadata('n1'));
    expect(name('')).toThrow('error appending info for n1: unexpected EOF');
    expect(name('0a05')).toThrow('error appending info for n1: unexpected EOF');
    expect(name('1200')).toThrow('error appending info for n1: unexpected message format: 18');
    fc.assert(
      fc.property(fc.uint8Array(), bytes => {
        try {
          nameUnary(Buffer.from(bytes), 'n1', hostnameMetadata('n1'));
        } catch (error) {
          expect(String(error)).toContain('error appending info for n1');
        }
        nameStreamed(Buffer.from(bytes), hostnameMetadata('n1'));
      }),
    );
  });

  test('a streamed message keeps its bytes, and an error that its server put there', () => {
    const metadata = hostnameMetadata('node-1');
    const plain = dataOf('some log');
    expect(nameStreamed(plain, metadata)).toEqual(Buffer.concat([plain, metadata]));
    const failed = dataOf('z', 'open /x: no such file or directory');
    expect(Data.decode(nameStreamed(failed, metadata))).toMatchObject({
      metadata: { hostname: 'node-1', error: 'open /x: no such file or directory' },
      bytes: Buffer.from('z'),
    });
  });

  test('data encoded in one go is what the generated encoder and an appended name give', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.option(fc.string({ minLength: 1 })), fc.boolean(), (bytes, error, isNamed) => {
        const metadata = error ? { hostname: '', error, status: undefined } : undefined;
        const data: Data = { metadata, bytes: Buffer.from(bytes) };
        const encoded = Buffer.from(Data.encode(data).finish());
        const name = hostnameMetadata('n1');
        expect(encodeData(data, isNamed ? name : undefined)).toEqual(isNamed ? nameStreamed(encoded, name) : encoded);
      }),
    );
  });

  test('a failed node is an element with name, Go text and status', () => {
    const metadata = {
      hostname: '10.5.0.99',
      error: 'rpc error: code = Unavailable desc = connection error: desc = "…"',
      status: { code: 14, message: 'connection error: desc = "…"', details: [] },
    };
    expect(Data.decode(errorMessageOf('10.5.0.99', refused))).toMatchObject({ metadata });
    expect(VersionResponse.decode(errorReplyOf('10.5.0.99', refused)).messages).toMatchObject([{ metadata }]);
  });
});
