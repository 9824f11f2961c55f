import { expect, test } from 'vitest';
import type { Exec, ExecResult } from './exec.ts';
import { listHardwareLinks } from './hardware-links.ts';
import { volumeReader } from './volume.ts';

const signal = new AbortController().signal;

/** Programs that answer from a list, and the command lines they were called with. */
function fakePrograms(answers: Record<string, Partial<ExecResult>>) {
  const calls: string[] = [];
  const exec: Exec = async (file, args) => {
    calls.push([file, ...args].join(' '));
    const exitCode = answers[file]?.exitCode ?? 0;
    const base = { timedOut: false, canceled: false, signal: undefined, errorCode: undefined, durationMs: 1 };
    const failed = exitCode !== 0;
    return { ...base, failed, exitCode, shortMessage: `${file} failed`, stdout: '', stderr: '', ...answers[file] };
  };
  return { exec, calls };
}

test('the first volume with the label and a type that is asked for, mounted without a write', async () => {
  const stdout = 'DEVNAME=/dev/sda1\nLABEL=metal-iso\nTYPE=ext4\n\nDEVNAME=/dev/sdb\nLABEL=metal-iso\nTYPE=xfs\n';
  const { exec, calls } = fakePrograms({ blkid: { stdout } });
  const reader = volumeReader(exec, '/');
  const volume = await reader.find('metal-iso', ['iso9660', 'xfs'], signal);
  await reader.unmount(await reader.mount(volume, signal));
  await reader.mount({ device: '/dev/sr0', type: 'iso9660' }, signal);
  expect(calls).toEqual([
    'blkid -c /dev/null -o export -t LABEL=metal-iso',
    'mount -t xfs -o ro,norecovery /dev/sdb /',
    'umount /',
    'mount -t iso9660 -o ro /dev/sr0 /',
  ]);
});

test('no volume, and programs that fail', async () => {
  const nothing = volumeReader(fakePrograms({ blkid: { exitCode: 2 } }).exec);
  await expect(nothing.find('metal-iso', ['xfs'], signal)).rejects.toThrow(
    'no block device has a file system labelled metal-iso',
  );
  const broken = { exitCode: 32, stderr: 'first\nlast line\n' };
  const reader = volumeReader(fakePrograms({ blkid: broken, mount: broken, umount: broken }).exec, '/');
  await expect(reader.find('x', [], signal)).rejects.toThrow('blkid failed: last line');
  await expect(reader.mount({ device: '/dev/sr0', type: 'iso9660' }, signal)).rejects.toThrow(
    'mount failed: last line',
  );
  await expect(reader.unmount('/')).rejects.toThrow('umount failed: last line');
});

test('hardware links by their own address, also as members of a bond', async () => {
  const links = [
    { ifname: 'lo', address: '00:00:00:00:00:00' },
    { ifname: 'eth0', address: 'aa:00:00:00:00:01' },
    {
      ifname: 'eth1',
      address: 'aa:00:00:00:00:01',
      permaddr: 'AA:00:00:00:00:02',
      linkinfo: { info_slave_kind: 'bond' },
    },
    { ifname: 'bond0', address: 'aa:00:00:00:00:01', linkinfo: { info_kind: 'bond' } },
    { ifname: 'tun0' },
  ];
  const { exec } = fakePrograms({ ip: { stdout: JSON.stringify(links) } });
  expect(await listHardwareLinks(exec, signal)).toEqual([
    { name: 'lo', mac: '00:00:00:00:00:00' },
    { name: 'eth0', mac: 'aa:00:00:00:00:01' },
    { name: 'eth1', mac: 'aa:00:00:00:00:02' },
  ]);
  const failing = fakePrograms({ ip: { exitCode: 1 } }).exec;
  await expect(listHardwareLinks(failing, signal)).rejects.toThrow('error listing host interfaces: ip failed');
});
