import { expect, test } from 'vitest';
import { FakeClock } from '../lib/clock.ts';
import { type MachineFacts, machinePlatform, platformName } from './choose.ts';
import { KernelArguments } from './kernel-args.ts';

function machine(environment: Record<string, string>, commandLine: string | undefined): MachineFacts {
  const unused = () => Promise.reject(new Error('not to be asked'));
  return {
    environment,
    kernelArguments: async () => (commandLine === undefined ? unused() : new KernelArguments(commandLine)),
    systemUuid: unused,
    architecture: 'x64',
    http: unused,
    exec: unused,
    clock: new FakeClock(),
  };
}

test('only PLATFORM=auto asks the kernel command line, so that a process on a host stays one', async () => {
  expect([
    await platformName(machine({}, undefined)),
    await platformName(machine({ PLATFORM: '' }, undefined)),
    await platformName(machine({ PLATFORM: 'aws' }, undefined)),
    await platformName(machine({ PLATFORM: 'auto' }, 'talos.platform=metal talos.platform=aws')),
  ]).toEqual(['local', 'local', 'aws', 'metal']);
  await expect(platformName(machine({ PLATFORM: 'auto' }, 'quiet'))).rejects.toThrow('failed to determine platform');
});

test('the modes of all platforms', () => {
  const names = ['container', 'metal', 'packet', 'aws', 'openstack', 'gcp', 'azure', 'digital-ocean', 'vmware'];
  const platforms = names.map(name => machinePlatform(name, machine({}, '')));
  expect(Object.fromEntries(platforms.map(({ name, mode }) => [name, mode]))).toEqual({
    container: 'container',
    metal: 'metal',
    packet: 'metal',
    aws: 'cloud',
    openstack: 'cloud',
    gcp: 'cloud',
    azure: 'cloud',
    'digital-ocean': 'cloud',
    vmware: 'cloud',
  });
  expect(() => machinePlatform('digitalocean', machine({}, ''))).toThrow('unknown platform: "digitalocean"');
});
