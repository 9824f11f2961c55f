import fc from 'fast-check';
import { expect, test } from 'vitest';
import { escapeXml, parseXml, xmlFind } from './xml.ts';

test('a document is read into elements, with prefixes, entities, comments and CDATA out of the way', () => {
  const root = parseXml(`\ufeff<?xml version="1.0"?>
<!-- <not this> -->
<oe:Environment xmlns:oe="http://schemas.example/ovf" oe:id='"v1"'>
  <PropertySection><Property oe:key="a&amp;b" oe:value="&#x41;&#66;"/><Property oe:key="c" oe:value=""></Property></PropertySection>
  <Note>1 &lt; 2<![CDATA[ <&> ]]></Note>
</oe:Environment>
`);
  expect([root.name, root.attributes.get('id')]).toEqual(['Environment', '"v1"']);
  expect(xmlFind(root, 'PropertySection', 'Property').map(({ attributes }) => Object.fromEntries(attributes))).toEqual([
    { key: 'a&b', value: 'AB' },
    { key: 'c', value: '' },
  ]);
  expect(xmlFind(root, 'Note').map(({ text }) => text)).toEqual(['1 < 2 <&> ']);
});

test('what is not well formed is refused, and so are document types', () => {
  const texts = [
    '',
    '<a>',
    '<a></b>',
    '</a>',
    '<a/><b/>',
    '<a b=c/>',
    '<a>&nbsp;</a>',
    '<!DOCTYPE a><a/>',
    '<a',
    'a<b/>',
  ];
  for (const text of texts) expect(() => parseXml(text), text).toThrow('not well-formed XML: ');
});

test('any text survives escaping, and no text makes the reader fail otherwise', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.string(), (text, wild) => {
      const root = parseXml(`<a b="${escapeXml(text)}">${escapeXml(text)}</a>`);
      expect([root.text, root.attributes.get('b')]).toEqual([text, text]);
      try {
        parseXml(`<a>${wild}</a>`);
      } catch (error) {
        expect(String(error)).toContain('not well-formed XML');
      }
    }),
  );
});
