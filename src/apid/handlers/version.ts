import type { Empty } from '../../gen/google/protobuf/empty.ts';
import type { PlatformInfo, VersionResponse } from '../../gen/machine/machine.ts';
import type { UnaryHandler } from '../handler.ts';

/** The release whose contract is served. */
export const CONTRACT_TAG = 'v0.9.3';

/** Node's names of architectures in those of the API. */
const ARCHITECTURES: Partial<Record<NodeJS.Architecture, string>> = { x64: 'amd64' };

/** What Version tells. */
export interface VersionHandlerOptions {
  /** Our own release, and the commit it was built from where known: `0.1.0`, `0.1.0-1a2b3c4`. */
  readonly release: string;
  /** When it was built; empty where unknown. */
  readonly built: string;
  /** Name and mode of the platform, or undefined before one is known. */
  readonly platform: () => { readonly name: string; readonly mode: string } | undefined;
}

/** Version of spec/api.md §2.4. */
export function versionHandlers({ release, built, platform }: VersionHandlerOptions): {
  readonly version: UnaryHandler<Empty, VersionResponse>;
} {
  const version = {
    tag: CONTRACT_TAG,
    sha: release,
    built,
    goVersion: `node ${process.version}`,
    os: 'linux',
    arch: ARCHITECTURES[process.arch] ?? process.arch,
  };
  return {
    version: async () => ({ messages: [{ metadata: undefined, version, platform: known(platform()) }] }),
  };
}

function known(platform: { readonly name: string; readonly mode: string } | undefined): PlatformInfo | undefined {
  return platform && { name: platform.name, mode: platform.mode };
}
