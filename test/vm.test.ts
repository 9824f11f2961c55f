import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWith, virtualMachines } from './support/requires.ts';
import type { Vm } from './support/vm.ts';
import { VmBed } from './support/vm-bed.ts';

describeWith(virtualMachines, 'a machine of its own', () => {
  let bed: VmBed;
  let vm: Vm;

  beforeAll(async () => {
    bed = await VmBed.create();
    vm = await bed.start({ station: 2, interfaces: [{ interface: 'eth0', cidr: `${bed.lan.address(2)}/24` }] });
  }, 1_200_000);
  afterAll(() => bed?.remove());

  test('the agent runs below PID 1 on Debian’s kernel and takes its platform from the kernel command line', async () => {
    expect(await bed.ctl.output(vm.address, 'version')).toContain(`NODE:        ${vm.address}`);
    expect(await bed.ctl.output(vm.address, 'read', '/proc/1/comm')).toBe('catatonit\n');
    expect(await bed.ctl.output(vm.address, 'read', '/proc/version')).toMatch(/^Linux version \S+-cloud-amd64 /);
    expect(vm.console).toContain('fetching machine config from: "file:///config.yaml"');
  });

  test('no link is there but those of the hardware', async () => {
    expect(await vm.run('modprobe bonding && modprobe dummy && ls /sys/class/net')).toBe('bonding_masters\neth0\nlo\n');
  });

  test('when the agent dies, the machine ends', async () => {
    await vm.run('kill -9 $(pidof node)');
    await vm.end();
    expect(vm.console).toContain('Kernel panic - not syncing: Attempted to kill init!');
  });
});
