import { randomBytes } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Exec, execError } from './exec.ts';

/** A WireGuard link as `wg` takes it (spec/network.md §4.3). */
export interface WireguardConfig {
  readonly privateKey: string;
  /** 0 lets the kernel choose. */
  readonly listenPort: number;
  readonly firewallMark: number;
  readonly peers: readonly {
    readonly publicKey: string;
    /** `address:port`, empty for none. */
    readonly endpoint: string;
    /** Seconds, 0 for off. */
    readonly keepalive: number;
    readonly allowedIPs: readonly string[];
  }[];
}

/** The file that `wg syncconf` reads. Holds the private key. */
export function renderWireguard(config: WireguardConfig): string {
  const lines = ['[Interface]', `PrivateKey = ${config.privateKey}`];
  if (config.listenPort > 0) lines.push(`ListenPort = ${config.listenPort}`);
  if (config.firewallMark > 0) lines.push(`FwMark = ${config.firewallMark}`);
  for (const { publicKey, endpoint, keepalive, allowedIPs } of config.peers) {
    lines.push('[Peer]', `PublicKey = ${publicKey}`);
    if (allowedIPs.length > 0) lines.push(`AllowedIPs = ${allowedIPs.join(', ')}`);
    if (endpoint !== '') lines.push(`Endpoint = ${endpoint}`);
    if (keepalive > 0) lines.push(`PersistentKeepalive = ${keepalive}`);
  }
  return `${lines.join('\n')}\n`;
}

/**
 * Makes the text all there is of a link's keys and peers; sessions with peers that stay go on. The text reaches `wg` as
 * a file of ours alone in `folder`, which is gone afterwards: keys are in no argument list.
 */
export async function syncWireguard(exec: Exec, link: string, text: string, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o750 });
  const file = join(folder, `.${randomBytes(6).toString('hex')}.conf`);
  try {
    await writeFile(file, text, { mode: 0o600, flag: 'wx' });
    const result = await exec('wg', ['syncconf', link, file], { timeoutMs: 10_000 });
    if (result.failed) throw execError(result);
  } finally {
    await rm(file, { force: true });
  }
}

/** The first address of a host name; undefined where it has none now. */
export async function resolveHost(name: string): Promise<string | undefined> {
  try {
    return (await lookup(name)).address;
  } catch {
    return undefined; // the caller asks again later
  }
}
