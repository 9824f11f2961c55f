import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { UserEnvironment, type Variables } from './environment.ts';
import { writeContainerSysctls } from './sysctls.ts';

test('what the config no longer names is as it was before', () => {
  const variables: Variables = { PATH: '/bin', https_proxy: 'old' };
  const environment = new UserEnvironment(variables);
  environment.apply({ https_proxy: 'a', FOO: '1' });
  expect(variables).toEqual({ PATH: '/bin', https_proxy: 'a', FOO: '1' });
  environment.apply({ https_proxy: 'b' });
  expect(variables).toEqual({ PATH: '/bin', https_proxy: 'b' });
  environment.apply({});
  expect(variables).toEqual({ PATH: '/bin', https_proxy: 'old' });
});

test('a container writes the kernel parameters that are its own, and says what it leaves alone', async () => {
  const root = await mkdtemp(join(tmpdir(), 'sys-'));
  await mkdir(join(root, 'net/ipv4'), { recursive: true });
  await mkdir(join(root, 'vm'));
  await writeFile(join(root, 'net/ipv4/ip_forward'), '0');
  await writeFile(join(root, 'vm/swappiness'), '60');
  const lines: string[] = [];
  const line = (text: string) => void lines.push(text);
  const log = { info: line, warn: line, error: line };
  const sysctls = { 'net.ipv4.ip_forward': '1', 'vm.swappiness': '1', 'net.ipv4.none': '1' };
  await writeContainerSysctls(sysctls, { root, log });
  expect({
    forward: await readFile(join(root, 'net/ipv4/ip_forward'), 'utf8'),
    swappiness: await readFile(join(root, 'vm/swappiness'), 'utf8'),
    lines,
  }).toEqual({
    forward: '1',
    swappiness: '60',
    lines: [
      'sysctl vm.swappiness is left alone: it belongs to the host of this container',
      `sysctl net.ipv4.none is left alone: open ${root}/net/ipv4/none: no such file or directory`,
    ],
  });
  await rm(root, { recursive: true });
});
