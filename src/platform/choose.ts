import type { Clock } from '../lib/clock.ts';
import { TalosdError } from '../lib/errors.ts';
import type { Environment } from '../lib/proxy.ts';
import type { Exec } from '../system/exec.ts';
import { listHardwareLinks } from '../system/hardware-links.ts';
import type { HttpFetch } from '../system/http.ts';
import { volumeReader } from '../system/volume.ts';
import { awsPlatform } from './aws.ts';
import { azurePlatform } from './azure.ts';
import { containerPlatform } from './container.ts';
import { digitalOceanPlatform } from './digital-ocean.ts';
import { Downloader } from './download.ts';
import { gcpPlatform } from './gcp.ts';
import type { KernelArguments } from './kernel-args.ts';
import { metalPlatform } from './metal.ts';
import { packetPlatform } from './packet.ts';
import type { Platform } from './platform.ts';
import { vmwarePlatform } from './vmware.ts';

/** The value of `PLATFORM` by which the init of a machine image says: what the kernel command line says. */
const AUTOMATIC = 'auto';
const PLATFORM_ARGUMENT = 'talos.platform';

/** What the platforms need of the machine. */
export interface MachineFacts {
  readonly environment: Environment;
  readonly kernelArguments: () => Promise<KernelArguments>;
  readonly systemUuid: () => Promise<string>;
  readonly architecture: string;
  readonly http: HttpFetch;
  readonly exec: Exec;
  readonly clock: Clock;
}

/**
 * The platform's name (sequences-and-services.md §5): the environment's `PLATFORM`, or with `auto` there the kernel argument
 * `talos.platform`. Without `PLATFORM` it is `local`, whatever the kernel was started with: a process that somebody starts
 * on a machine of this kind is not that machine's agent.
 */
export async function platformName(machine: Pick<MachineFacts, 'environment' | 'kernelArguments'>): Promise<string> {
  const chosen = machine.environment['PLATFORM'] || 'local';
  if (chosen !== AUTOMATIC) return chosen;
  const name = (await machine.kernelArguments()).first(PLATFORM_ARGUMENT);
  if (!name) throw new TalosdError('failed_precondition', 'failed to determine platform');
  return name;
}

/** The platform of that name, among those that a machine's own agent runs on. */
export function machinePlatform(name: string, machine: MachineFacts): Platform {
  const { kernelArguments, systemUuid, architecture, http, exec, clock } = machine;
  const downloader = new Downloader({ http, clock });
  switch (name) {
    case 'container':
      return containerPlatform(machine.environment);
    case 'metal':
      return metalPlatform({ kernelArguments, systemUuid, volumes: volumeReader(exec), downloader });
    case 'packet':
      return packetPlatform({ downloader, links: signal => listHardwareLinks(exec, signal) });
    case 'aws':
    case 'openstack':
      return awsPlatform(name, downloader);
    case 'gcp':
      return gcpPlatform(downloader);
    case 'azure':
      return azurePlatform(downloader);
    case 'digital-ocean':
      return digitalOceanPlatform(downloader);
    case 'vmware':
      return vmwarePlatform({ kernelArguments, exec, architecture });
    default:
      throw new TalosdError('invalid_argument', `unknown platform: "${name}"`);
  }
}
