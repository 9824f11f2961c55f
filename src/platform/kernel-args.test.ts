import { expect, test } from 'vitest';
import { KernelArguments } from './kernel-args.ts';

test('the first value counts, repeated ones form a list, and an argument may stand alone', () => {
  const args = new KernelArguments(
    'quiet talos.platform=metal  console=tty0 console=ttyS0,115200\ttalos.config=https://a.example/c.yaml?uuid=&x=1=2 talos.platform=aws ip=\n',
  );
  expect({
    platform: args.first('talos.platform'),
    config: args.first('talos.config'),
    consoles: args.all('console'),
    quiet: args.first('quiet'),
    ip: args.first('ip'),
    absent: [args.first('talos.hostname'), args.all('talos.hostname')],
  }).toEqual({
    platform: 'metal',
    config: 'https://a.example/c.yaml?uuid=&x=1=2',
    consoles: ['tty0', 'ttyS0,115200'],
    quiet: '',
    ip: '',
    absent: [undefined, []],
  });
});

test('quotes hold blanks together, around the value or around all of it', () => {
  const args = new KernelArguments('a="b c" "d=e f" g="" h="open to the end');
  expect(['a', 'd', 'g', 'h'].map(key => args.first(key))).toEqual(['b c', 'e f', '', 'open to the end']);
  expect(new KernelArguments('').first('')).toBeUndefined();
});
