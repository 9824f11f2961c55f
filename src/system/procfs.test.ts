import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Logger, silentLogger } from '../lib/logger.ts';
import { listDisks } from './disks.ts';
import { MountReader } from './mounts.ts';
import { listProcesses } from './processes.ts';
import { ProcFs } from './procfs.ts';
import {
  parseCpuInfo,
  parseDiskStats,
  parseLoadAvg,
  parseMemInfo,
  parseMounts,
  parseNetDev,
  parseProcessStat,
  parseSystemStat,
} from './procfs-parse.ts';

test('memory: numbers as they stand, absent keys 0', () => {
  const memory = parseMemInfo(
    'MemTotal:       24684084 kB\nActive(anon):       1640 kB\nNFS_Unstable:          7 kB\nCommitted_AS:    2449700 kB\nHugePages_Total:       3\nDirectMap2M:     2066432 kB\nZswap: 9 kB\n',
  );
  expect(memory).toMatchObject({
    memtotal: 24684084n,
    activeanon: 1640n,
    nfsunstable: 7n,
    committedas: 2449700n,
    hugepagestotal: 3n,
    directmap2m: 2066432n,
    swaptotal: 0n,
  });
  expect(Object.keys(memory)).toHaveLength(48);
});

test('load and system figures', () => {
  expect(parseLoadAvg('0.08 0.34 0.47 3/119 23532\n')).toEqual({ load1: 0.08, load5: 0.34, load15: 0.47 });
  const cpu = { nice: 0, irq: 0, guest: 0, guestNice: 0 };
  expect(
    parseSystemStat(
      'cpu  28941 0 12418 268848 3361 0 243 1275 0 0\ncpu0 13039 0 5456 137870 498 0 37 633 0 0\nintr 1012617 0 13 \nctxt 1885614\nbtime 1795492536\nprocesses 23530\nprocs_running 1\nprocs_blocked 2\nsoftirq 396197 1 43373 5 32161 137463 0 337 89033 0 93825\n',
    ),
  ).toEqual({
    bootTime: 1795492536n,
    cpuTotal: { ...cpu, user: 289.41, system: 124.18, idle: 2688.48, iowait: 33.61, softIrq: 2.43, steal: 12.75 },
    cpu: [{ ...cpu, user: 130.39, system: 54.56, idle: 1378.7, iowait: 4.98, softIrq: 0.37, steal: 6.33 }],
    irqTotal: 1012617n,
    irq: [0n, 13n],
    contextSwitches: 1885614n,
    processCreated: 23530n,
    processRunning: 1n,
    processBlocked: 2n,
    softIrqTotal: 396197n,
    softIrq: {
      hi: 1n,
      timer: 43373n,
      netTx: 5n,
      netRx: 32161n,
      block: 137463n,
      blockIoPoll: 0n,
      tasklet: 337n,
      sched: 89033n,
      hrtimer: 0n,
      rcu: 93825n,
    },
  });
});

test('processors of x86 and arm64', () => {
  const [x86, second] = parseCpuInfo(
    'processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel name\t: Intel(R) Xeon(R) Processor\ncpu MHz\t\t: 2599.998\ncache size\t: 491520 KB\nsiblings\t: 2\ncpu cores\t: 2\nfpu\t\t: yes\ncpuid level\t: 36\nflags\t\t: fpu vme\nbogomips\t: 5199.99\nclflush size\t: 64\naddress sizes\t: 48 bits physical, 57 bits virtual\npower management:\n\nprocessor\t: 1\n',
  );
  expect(x86).toMatchObject({
    vendorId: 'GenuineIntel',
    cpuFamily: '6',
    modelName: 'Intel(R) Xeon(R) Processor',
    cpuMhz: 2599.998,
    cacheSize: '491520 KB',
    siblings: 2,
    cpuCores: 2,
    fpu: 'yes',
    cpuIdLevel: 36,
    flags: ['fpu', 'vme'],
    bugs: [],
    bogoMips: 5199.99,
    clFlushSize: 64,
    addressSizes: '48 bits physical, 57 bits virtual',
    powerManagement: '',
  });
  expect(second).toMatchObject({ processor: 1, flags: [] });
  expect(parseCpuInfo('processor\t: 0\nBogoMIPS\t: 50.00\nFeatures\t: fp asimd\n')[0]).toMatchObject({
    bogoMips: 50,
    flags: ['fp', 'asimd'],
  });
});

test('disks and network devices with their sums', () => {
  const { total, devices } = parseDiskStats(
    ' 254 0 vda 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17\n 7 0 loop0 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n 8 0 old 1 2 3\n',
  );
  expect(devices.map(device => device.name)).toEqual(['vda', 'loop0']);
  expect(devices[0]).toMatchObject({ readCompleted: 1n, ioInProgress: 9n, discardTimeMs: 15n });
  expect(total).toMatchObject({ name: '', readCompleted: 2n, discardTimeMs: 15n });
  const net = parseNetDev(
    'Inter-|   Receive                                                |  Transmit\n face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n    lo:   79567     431    0    0    0     0          0         0    79567     431    0    0    0     0       0          0\n  eth0:100 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n',
  );
  expect(net.devices.map(device => device.name)).toEqual(['lo', 'eth0']);
  expect(net.devices[1]).toMatchObject({ rxBytes: 100n, rxMulticast: 8n, txBytes: 9n, txCompressed: 16n });
  expect(net.total).toMatchObject({ name: 'eth0, lo', rxBytes: 79667n, txPackets: 441n });
});

test('a process with brackets and blanks in its name; escaped mount points', () => {
  expect(
    parseProcessStat(
      '7 (a) b (c) S 1 7 7 0 -1 4194560 46761 600994 0 626 126 554 1634 1041 10 -10 13 0 25 53612544 5239 18446744073709551615 1 1\n',
    ),
  ).toEqual({
    pid: 7,
    command: 'a) b (c',
    state: 'S',
    parent: 1,
    threads: 13,
    cpuTime: 6.8,
    virtualMemory: 53612544n,
    residentPages: 5239n,
  });
  expect(parseProcessStat('')).toBeUndefined();
  expect(parseMounts('/dev/sda\\0401 /mnt/a\\040b ext4 rw,noatime 0 0\n')).toEqual([
    { source: '/dev/sda 1', target: '/mnt/a b', type: 'ext4', options: ['rw', 'noatime'] },
  ]);
});

test('this machine: every file of /proc is read and understood', async () => {
  const proc = new ProcFs();
  expect((await proc.memInfo()).memtotal).toBeGreaterThan(0n);
  expect((await proc.systemStat()).cpu.length).toBe((await proc.cpuInfo()).length);
  expect((await proc.netDev()).total.name).toContain('lo');
  expect(await proc.uptime()).toBeGreaterThan(0);
  expect([4096n, 16384n, 65536n]).toContain(await proc.pageSize());
  const child = spawn('/bin/sleep', ['60']);
  try {
    const processes = await listProcesses(proc);
    const pids = processes.map(process => process.pid);
    expect(pids).toEqual([...pids].sort((a, b) => a - b));
    expect(processes.find(({ pid }) => pid === child.pid)).toMatchObject({
      ppid: process.pid,
      threads: 1,
      command: 'sleep',
      executable: expect.stringMatching(/\/(sleep|coreutils|busybox)$/),
      args: '/bin/sleep 60',
    });
  } finally {
    child.kill();
  }
});

test('mounts: folders only, one that fails is logged and left out', async () => {
  const mounts = await new MountReader(new ProcFs(), silentLogger).list();
  expect(mounts.find(mount => mount.mountedOn === '/proc')).toEqual({
    filesystem: 'proc',
    mountedOn: '/proc',
    size: 0n,
    available: 0n,
  });
  const root = await mkdtemp(join(tmpdir(), 'talosd-proc-'));
  const warnings: string[] = [];
  const logger: Logger = { ...silentLogger, warn: message => void warnings.push(message) };
  await writeFile(
    join(root, 'mounts'),
    `x /none ext4 rw 0 0\nfile ${root}/mounts bind rw 0 0\nd ${root} tmpfs rw 0 0\n`,
  );
  const listed = await new MountReader(new ProcFs(root), logger).list();
  await rm(root, { recursive: true });
  expect(listed.map(mount => mount.filesystem)).toEqual(['d']);
  expect(warnings).toEqual([expect.stringContaining('mount /none is left out')]);
});

test('disks: by name, in units of 512 bytes, without those that are none', async () => {
  const root = await mkdtemp(join(tmpdir(), 'talosd-block-'));
  const disk = async (name: string, size?: string, model?: string) => {
    await mkdir(join(root, name, 'device'), { recursive: true });
    if (size !== undefined) await writeFile(join(root, name, 'size'), size);
    if (model !== undefined) await writeFile(join(root, name, 'device/model'), model);
  };
  await disk('vda', '2048\n');
  await disk('sda', '536870912\n', 'QEMU HARDDISK   \n');
  await disk('loop0', '8\n');
  await disk('dm-0', '8\n');
  await disk('nosize');
  const disks = await listDisks(root);
  await rm(root, { recursive: true });
  expect(disks).toEqual([
    { deviceName: '/dev/sda', size: 274877906944n, model: 'QEMU HARDDISK   \n' },
    { deviceName: '/dev/vda', size: 1048576n, model: '' },
  ]);
});
