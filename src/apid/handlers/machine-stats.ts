import type { Empty } from '../../gen/google/protobuf/empty.ts';
import type {
  CPUInfoResponse,
  DiskStatsResponse,
  HostnameResponse,
  LoadAvgResponse,
  MemoryResponse,
  MountsResponse,
  NetworkDeviceStatsResponse,
  SystemStatResponse,
} from '../../gen/machine/machine.ts';
import { kernelHostname } from '../../system/hostname.ts';
import type { MountReader } from '../../system/mounts.ts';
import type { ProcFs } from '../../system/procfs.ts';
import type { UnaryHandler } from '../handler.ts';

/** What the calls for figures of the machine need. */
export interface MachineStatsHandlerOptions {
  readonly proc: ProcFs;
  readonly mounts: MountReader;
}

/** Hostname, LoadAvg, Memory, CPUInfo, SystemStat, DiskStats, NetworkDeviceStats and Mounts of spec/api.md §2.4. */
export interface MachineStatsHandlers {
  readonly hostname: UnaryHandler<Empty, HostnameResponse>;
  readonly loadAvg: UnaryHandler<Empty, LoadAvgResponse>;
  readonly memory: UnaryHandler<Empty, MemoryResponse>;
  readonly cpuInfo: UnaryHandler<Empty, CPUInfoResponse>;
  readonly systemStat: UnaryHandler<Empty, SystemStatResponse>;
  readonly diskStats: UnaryHandler<Empty, DiskStatsResponse>;
  readonly networkDeviceStats: UnaryHandler<Empty, NetworkDeviceStatsResponse>;
  readonly mounts: UnaryHandler<Empty, MountsResponse>;
}

export function machineStatsHandlers({ proc, mounts }: MachineStatsHandlerOptions): MachineStatsHandlers {
  const metadata = undefined;
  return {
    hostname: async () => ({ messages: [{ metadata, hostname: kernelHostname() }] }),
    loadAvg: async () => ({ messages: [{ metadata, ...(await proc.loadAvg()) }] }),
    memory: async () => ({ messages: [{ metadata, meminfo: await proc.memInfo() }] }),
    cpuInfo: async () => ({ messages: [{ metadata, cpuInfo: await proc.cpuInfo() }] }),
    systemStat: async () => ({ messages: [{ metadata, ...(await proc.systemStat()) }] }),
    diskStats: async () => ({ messages: [{ metadata, ...(await proc.diskStats()) }] }),
    networkDeviceStats: async () => ({ messages: [{ metadata, ...(await proc.netDev()) }] }),
    mounts: async () => ({ messages: [{ metadata, stats: await mounts.list() }] }),
  };
}
