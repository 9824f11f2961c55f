import type { CPUInfo, CPUStat, DiskStat, LoadAvg, MemInfo, NetDev, SystemStat } from '../gen/machine/machine.ts';

// The texts of /proc as messages of spec/api.md §2.2. Pure: text in, message (without `metadata`) out.

type Figures<Message> = Omit<Message, 'metadata' | '_unknownFields'>;

const MEMORY_KEYS = `memtotal memfree memavailable buffers cached swapcached active inactive activeanon inactiveanon
  activefile inactivefile unevictable mlocked swaptotal swapfree dirty writeback anonpages mapped shmem slab
  sreclaimable sunreclaim kernelstack pagetables nfsunstable bounce writebacktmp commitlimit committedas vmalloctotal
  vmallocused vmallocchunk hardwarecorrupted anonhugepages shmemhugepages shmempmdmapped cmatotal cmafree
  hugepagestotal hugepagesfree hugepagesrsvd hugepagessurp hugepagesize directmap4k directmap2m directmap1g`.split(
  /\s+/,
) as (keyof Figures<MemInfo>)[];

/** /proc/meminfo: the numbers as they stand there; keys that this kernel lacks are 0. */
export function parseMemInfo(text: string): MemInfo {
  const found = new Map<string, bigint>();
  for (const [, key, value] of text.matchAll(/^([^:\n]+):\s*(\d+)/gm)) {
    found.set(key!.replace(/[()_]/g, '').toLowerCase(), BigInt(value!));
  }
  return Object.fromEntries(MEMORY_KEYS.map(key => [key, found.get(key) ?? 0n])) as unknown as MemInfo;
}

/** /proc/loadavg. */
export function parseLoadAvg(text: string): Figures<LoadAvg> {
  const [load1 = 0, load5 = 0, load15 = 0] = text.split(' ').map(Number);
  return { load1, load5, load15 };
}

const CPU_KEYS = 'user nice system idle iowait irq softIrq steal guest guestNice'.split(' ') as (keyof CPUStat)[];
const SOFT_IRQ_KEYS = 'hi timer netTx netRx block blockIoPoll tasklet sched hrtimer rcu'.split(' ');

/** Clock ticks a second in the figures of /proc; 100 on every architecture that Linux still runs on. */
export const TICKS_PER_SECOND = 100;

/** /proc/stat: processor times in seconds, all else as counted. */
export function parseSystemStat(text: string): Figures<SystemStat> {
  const lines = new Map<string, string[]>();
  const cpu: CPUStat[] = [];
  for (const line of text.split('\n')) {
    const [name = '', ...values] = line.trimEnd().split(/ +/);
    if (/^cpu\d/.test(name)) cpu.push(cpuStat(values));
    else lines.set(name, values);
  }
  const figures = (name: string) => (lines.get(name) ?? []).map(BigInt);
  const first = (name: string) => figures(name)[0] ?? 0n;
  const softIrq = figures('softirq').slice(1);
  return {
    bootTime: first('btime'),
    cpuTotal: cpuStat(lines.get('cpu') ?? []),
    cpu,
    irqTotal: first('intr'),
    irq: figures('intr').slice(1),
    contextSwitches: first('ctxt'),
    processCreated: first('processes'),
    processRunning: first('procs_running'),
    processBlocked: first('procs_blocked'),
    softIrqTotal: first('softirq'),
    softIrq: named<NonNullable<SystemStat['softIrq']>>(SOFT_IRQ_KEYS, softIrq, 0n),
  };
}

function cpuStat(ticks: readonly string[]): CPUStat {
  return named<CPUStat>(
    CPU_KEYS,
    ticks.map(tick => Number(tick) / TICKS_PER_SECOND),
    0,
  );
}

/** /proc/cpuinfo, one element a processor; text fields are what follows `: `. Keys of x86 and arm64. */
export function parseCpuInfo(text: string): CPUInfo[] {
  const processors: Map<string, string>[] = [];
  for (const [, key, value] of text.matchAll(/^([^\t\n:]+?)[\t ]*:[ ]?(.*)$/gm)) {
    if (key === 'processor') processors.push(new Map());
    processors.at(-1)?.set(key!, value!);
  }
  return processors.map(fields => {
    const string = (...keys: string[]) => keys.map(key => fields.get(key)).find(value => value !== undefined) ?? '';
    const number = (...keys: string[]) => Number.parseFloat(string(...keys)) || 0;
    const list = (...keys: string[]) =>
      string(...keys)
        .split(' ')
        .filter(Boolean);
    return {
      processor: number('processor'),
      vendorId: string('vendor_id'),
      cpuFamily: string('cpu family'),
      model: string('model'),
      modelName: string('model name'),
      stepping: string('stepping'),
      microcode: string('microcode'),
      cpuMhz: number('cpu MHz'),
      cacheSize: string('cache size'),
      physicalId: string('physical id'),
      siblings: number('siblings'),
      coreId: string('core id'),
      cpuCores: number('cpu cores'),
      apicId: string('apicid'),
      initialApicId: string('initial apicid'),
      fpu: string('fpu'),
      fpuException: string('fpu_exception'),
      cpuIdLevel: number('cpuid level'),
      wp: string('wp'),
      flags: list('flags', 'Features'),
      bugs: list('bugs'),
      bogoMips: number('bogomips', 'BogoMIPS'),
      clFlushSize: number('clflush size'),
      cacheAlignment: number('cache_alignment'),
      addressSizes: string('address sizes'),
      powerManagement: string('power management'),
    };
  });
}

const DISK_KEYS = `readCompleted readMerged readSectors readTimeMs writeCompleted writeMerged writeSectors writeTimeMs
  ioInProgress ioTimeMs ioTimeWeightedMs discardCompleted discardMerged discardSectors discardTimeMs`.split(/\s+/);

/** /proc/diskstats: lines with at least 18 columns, and their sums under no name. */
export function parseDiskStats(text: string): { total: DiskStat; devices: DiskStat[] } {
  const rows = text.split('\n').map(line => line.trim().split(/\s+/));
  const devices = rows
    .filter(row => row.length >= 18)
    .map(row => ({ ...named<DiskStat>(DISK_KEYS, row.slice(3, 18).map(BigInt), 0n), name: row[2]! }));
  return { total: total('', DISK_KEYS, devices), devices };
}

const NET_KEYS = `rxBytes rxPackets rxErrors rxDropped rxFifo rxFrame rxCompressed rxMulticast
  txBytes txPackets txErrors txDropped txFifo txCollisions txCarrier txCompressed`.split(/\s+/);

/** /proc/net/dev in its order, and the sums under the sorted names joined with `, `. */
export function parseNetDev(text: string): { total: NetDev; devices: NetDev[] } {
  const devices: NetDev[] = [];
  for (const [, name, figures] of text.matchAll(/^ *(\S+?): *([\d ]+)$/gm)) {
    devices.push({ ...named<NetDev>(NET_KEYS, figures!.trim().split(/ +/).map(BigInt), 0n), name: name! });
  }
  const names = devices.map(device => device.name).sort();
  return { total: total(names.join(', '), NET_KEYS, devices), devices };
}

function named<Message>(keys: readonly string[], values: readonly (number | bigint)[], missing: number | bigint) {
  return Object.fromEntries(keys.map((key, index) => [key, values[index] ?? missing])) as Message;
}

function total<Message extends { name: string }>(name: string, keys: readonly string[], rows: readonly Message[]) {
  const figure = (row: Message, key: string) => (row as unknown as Record<string, bigint>)[key]!;
  const sums = keys.map(key => rows.reduce((sum, row) => sum + figure(row, key), 0n));
  return { ...named<Message>(keys, sums, 0n), name };
}

/** What a line of /proc/<pid>/stat says; `undefined` for a text that is none. */
export interface ProcessStat {
  readonly pid: number;
  readonly command: string;
  readonly state: string;
  readonly parent: number;
  readonly threads: number;
  /** User and system time, seconds. */
  readonly cpuTime: number;
  /** Bytes. */
  readonly virtualMemory: bigint;
  /** Pages. */
  readonly residentPages: bigint;
}

/** /proc/<pid>/stat. The command may hold blanks and brackets, so it ends at the last bracket. */
export function parseProcessStat(text: string): ProcessStat | undefined {
  const open = text.indexOf('(');
  const close = text.lastIndexOf(')');
  const fields = text.slice(close + 2).split(' ');
  if (open < 1 || close < open || fields.length < 22) return undefined;
  return {
    pid: Number.parseInt(text, 10),
    command: text.slice(open + 1, close),
    state: fields[0]!,
    parent: Number(fields[1]),
    threads: Number(fields[17]),
    cpuTime: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND,
    virtualMemory: BigInt(fields[20]!),
    residentPages: BigInt(fields[21]!),
  };
}

/** A line of /proc/mounts, escapes (`\040` and the like) undone. */
export interface MountLine {
  readonly source: string;
  readonly target: string;
  readonly type: string;
  readonly options: readonly string[];
}

/** /proc/mounts. */
export function parseMounts(text: string): MountLine[] {
  return text
    .split('\n')
    .filter(Boolean)
    .map(line => {
      const [source = '', target = '', type = '', options = ''] = line.split(' ');
      return { source: undoEscapes(source), target: undoEscapes(target), type, options: options.split(',') };
    });
}

function undoEscapes(text: string): string {
  if (!text.includes('\\')) return text;
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
