import { decodeBase64 } from '../lib/base64.ts';
import { errorMessage, TalosdError } from '../lib/errors.ts';
import { parseXml, xmlFind } from '../lib/xml.ts';
import { type Exec, execError } from '../system/exec.ts';
import type { KernelArguments } from './kernel-args.ts';
import { CONFIG_ARGUMENT } from './metal.ts';
import type { Platform, PlatformContext } from './platform.ts';

/** The one value of `talos.config` that means something here. */
const GUEST_INFO = 'guestinfo';
const CONFIG_KEYS = ['talos.config', 'userdata'];
const OVF_ENVIRONMENT = 'ovfenv';

/** What the platform needs of the machine. */
export interface VmwareMachine {
  readonly kernelArguments: () => Promise<KernelArguments>;
  /** Runs `vmware-rpctool`, by which a guest asks its host. */
  readonly exec: Exec;
  /** The processor's name in Node's words. */
  readonly architecture: string;
}

/**
 * A virtual machine of VMware: the config is base64 in the OVF environment or, failing that, in the guest's own variables
 * (sequences-and-services.md §5).
 */
export function vmwarePlatform(machine: VmwareMachine): Platform {
  return {
    name: 'vmware',
    mode: 'cloud',
    configuration: async context => {
      if (machine.architecture !== 'x64') throw new TalosdError('unimplemented', 'arch not supported');
      const source = (await machine.kernelArguments()).first(CONFIG_ARGUMENT);
      if (source === undefined) throw new TalosdError('failed_precondition', `${CONFIG_ARGUMENT} not found`);
      if (source !== GUEST_INFO) {
        throw new TalosdError(
          'failed_precondition',
          `${CONFIG_ARGUMENT}="${source}" is no source on vmware, only ${GUEST_INFO} is`,
        );
      }
      context.log.info(`fetching machine config from: "${GUEST_INFO}"`);
      return (await fromOvf(machine.exec, context)) ?? (await fromVariables(machine.exec, context));
    },
    hostname: async () => undefined,
    externalAddresses: async () => [],
  };
}

async function fromOvf(exec: Exec, context: PlatformContext): Promise<Uint8Array | undefined> {
  const text = await guestVariable(exec, OVF_ENVIRONMENT, context);
  if (text === undefined) return undefined;
  let properties: Map<string | undefined, string>;
  try {
    const found = xmlFind(parseXml(text), 'PropertySection', 'Property');
    properties = new Map(found.map(({ attributes }) => [attributes.get('key'), attributes.get('value') ?? '']));
  } catch (error) {
    throw new TalosdError('unknown', `failed to read the OVF environment: ${errorMessage(error)}`, { cause: error });
  }
  const key = CONFIG_KEYS.find(name => properties.get(name)?.trim());
  return key === undefined ? undefined : decoded(properties.get(key)!, `OVF property ${key}`);
}

async function fromVariables(exec: Exec, context: PlatformContext): Promise<Uint8Array | undefined> {
  for (const key of CONFIG_KEYS) {
    const text = await guestVariable(exec, key, context);
    if (text !== undefined) return decoded(text, `guest variable ${key}`);
  }
  return undefined;
}

/** A variable that the host keeps for this guest; undefined where it is not set or empty. */
async function guestVariable(exec: Exec, key: string, { signal }: PlatformContext): Promise<string | undefined> {
  const result = await exec('vmware-rpctool', [`info-get guestinfo.${key}`], { signal });
  if (signal.aborted) throw signal.reason;
  if (!result.failed) return result.stdout.trim() || undefined;
  if (/no value found/i.test(result.stdout + result.stderr)) return undefined;
  const reason = result.errorCode === 'ENOENT' ? 'vmware-rpctool is not installed' : execError(result).message;
  throw new TalosdError('unknown', `failed to read guest variable ${key}: ${reason}`);
}

function decoded(text: string, what: string): Uint8Array {
  const { bytes, badOffset } = decodeBase64(text.trim());
  if (!bytes) throw new TalosdError('unknown', `${what}: illegal base64 data at input byte ${badOffset}`);
  return bytes;
}
