import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { keepingLogger } from '../../test/support/http-server.ts';
import { type Exec, exec } from '../system/exec.ts';
import { KernelArguments } from './kernel-args.ts';
import { vmwarePlatform } from './vmware.ts';

// There is no VMware where tests run: a program stands in for vmware-rpctool, which answers from a list as the real one
// does, in words and exit code. What a real host answers is not tested anywhere.
const STAND_IN = `#!/bin/sh
# Stand-in for vmware-rpctool: answers "info-get KEY" from the folder of files beside it.
file="$(dirname "$0")/values/\${1#info-get }"
if [ -f "$file" ]; then cat "$file"; exit 0; fi
echo "No value found"
exit 1
`;

const context = { signal: new AbortController().signal, log: keepingLogger() };

async function setUp(values: Record<string, string>, commandLine = 'talos.config=guestinfo', architecture = 'x64') {
  const folder = await mkdtemp(join(tmpdir(), 'rpctool-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'vmware-rpctool'), STAND_IN);
  await chmod(join(folder, 'vmware-rpctool'), 0o755);
  await mkdir(join(folder, 'values'));
  for (const [key, value] of Object.entries(values)) await writeFile(join(folder, 'values', `guestinfo.${key}`), value);
  const run: Exec = (file, args, options) => exec(join(folder, file), args, options);
  return vmwarePlatform({ kernelArguments: async () => new KernelArguments(commandLine), exec: run, architecture });
}

const ovf = (key: string, value: string) => `<?xml version="1.0" encoding="UTF-8"?>
<Environment xmlns="http://schemas.dmtf.org/ovf/environment/1" xmlns:oe="http://schemas.dmtf.org/ovf/environment/1" oe:id="">
  <PlatformSection><Kind>VMware ESXi</Kind></PlatformSection>
  <PropertySection><Property oe:key="other" oe:value="x"/><Property oe:key="${key}" oe:value="${value}"/></PropertySection>
</Environment>`;

test('through a stand-in for vmware-rpctool: the OVF environment first, then the variables of the guest', async () => {
  const all = { ovfenv: ovf('talos.config', btoa('a')), 'talos.config': btoa('c'), userdata: `${btoa('d')}\n` };
  const cases: [Record<string, string>, string | undefined][] = [
    [all, 'a'],
    [{ ...all, ovfenv: ovf('userdata', btoa('b')) }, 'b'],
    [{ ...all, ovfenv: ovf('unknown', 'x') }, 'c'],
    [{ ...all, ovfenv: '', 'talos.config': '' }, 'd'],
    [{}, undefined],
  ];
  for (const [values, expected] of cases) {
    const platform = await setUp(values);
    const bytes = await platform.configuration(context);
    expect(bytes && Buffer.from(bytes).toString()).toBe(expected);
    expect([
      platform.name,
      platform.mode,
      await platform.hostname(context),
      await platform.externalAddresses(context),
    ]).toEqual(['vmware', 'cloud', undefined, []]);
  }
});

test('what is missing or wrong is named', async () => {
  const refused = async (...options: Parameters<typeof setUp>) =>
    expect((await setUp(...options)).configuration(context)).rejects;
  await (await refused({}, 'quiet')).toThrow('talos.config not found');
  await (await refused({}, 'talos.config=http://a.example/')).toThrow('only guestinfo is');
  await (await refused({}, undefined, 'arm64')).toThrow('arch not supported');
  await (await refused({ ovfenv: '<Environment>' })).toThrow('failed to read the OVF environment: not well-formed XML');
  await (await refused({ ovfenv: ovf('userdata', '*') })).toThrow(
    'OVF property userdata: illegal base64 data at input byte 0',
  );
  await (await refused({ userdata: 'YQ=' })).toThrow('guest variable userdata: illegal base64 data at input byte');
  const kernelArguments = async () => new KernelArguments('talos.config=guestinfo');
  const missing = vmwarePlatform({
    kernelArguments,
    exec: (_, ...rest) => exec('/nowhere/x', ...rest),
    architecture: 'x64',
  });
  await expect(missing.configuration(context)).rejects.toThrow('vmware-rpctool is not installed');
});
