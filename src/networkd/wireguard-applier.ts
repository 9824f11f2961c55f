import { createHash } from 'node:crypto';
import { errorMessage } from '../lib/errors.ts';
import { parseIp } from '../lib/ip.ts';
import type { WireguardSpec } from '../resources/network/link_spec.ts';
import type { Exec } from '../system/exec.ts';
import { renderWireguard, syncWireguard } from '../system/wg.ts';
import { causeOf } from './plan/types.ts';
import type { NetworkProblem } from './problems.ts';

/** A WireGuard link that is there, and what it shall be. */
export interface WireguardLink {
  readonly name: string;
  /** Of the kernel: another one is another link. */
  readonly index: number;
  readonly spec: WireguardSpec;
  readonly layer: string;
  readonly path: string;
}

/** What the applier works with. */
export interface WireguardOptions {
  readonly exec: Exec;
  /** Where files with keys may lie for a moment. */
  readonly folder: string;
  readonly resolve: (host: string) => Promise<string | undefined>;
}

/**
 * Gives WireGuard links their keys and peers by `wg`, once for each change (spec/network.md §4.3). A peer whose name does
 * not resolve is there without its endpoint until it does.
 */
export class WireguardApplier {
  readonly #options: WireguardOptions;
  /** Digest of what each link was given, by name. */
  readonly #applied = new Map<string, string>();

  constructor(options: WireguardOptions) {
    this.#options = options;
  }

  /** One turn over all links. Problems are worth another turn later. */
  async turn(links: readonly WireguardLink[]): Promise<NetworkProblem[]> {
    const problems: NetworkProblem[] = [];
    for (const link of links) problems.push(...(await this.#apply(link)));
    const names = new Set(links.map(({ name }) => name));
    for (const name of this.#applied.keys()) if (!names.has(name)) this.#applied.delete(name);
    return problems;
  }

  async #apply(link: WireguardLink): Promise<NetworkProblem[]> {
    const { exec, folder } = this.#options;
    const { name, index, spec } = link;
    const wanted = digest(index, JSON.stringify(spec));
    if (this.#applied.get(name) === wanted) return [];
    const { peers, problems } = await this.#resolved(link);
    const text = renderWireguard({ ...spec, peers });
    const partly = digest(index, text);
    try {
      if (this.#applied.get(name) !== partly) await syncWireguard(exec, name, text, folder);
      this.#applied.set(name, problems.length === 0 ? wanted : partly);
    } catch (error) {
      problems.push({
        message: `error configuring nic ${JSON.stringify(name)}: ${errorMessage(error)}`,
        cause: causeOf(link),
      });
    }
    return problems;
  }

  async #resolved(link: WireguardLink): Promise<{ peers: WireguardSpec['peers']; problems: NetworkProblem[] }> {
    const problems: NetworkProblem[] = [];
    const peers = await Promise.all(
      link.spec.peers.map(async peer => {
        const colon = peer.endpoint.lastIndexOf(':');
        const host = peer.endpoint.slice(0, Math.max(colon, 0)).replace(/^\[|\]$/g, '');
        if (host === '') return peer;
        const address = parseIp(host)?.text ?? (await this.#options.resolve(host));
        if (address === undefined) {
          const message = `the endpoint ${peer.endpoint} of a peer of ${link.name} does not resolve`;
          problems.push({ message, cause: causeOf(link) });
          return { ...peer, endpoint: '' };
        }
        const port = peer.endpoint.slice(colon);
        return { ...peer, endpoint: address.includes(':') ? `[${address}]${port}` : `${address}${port}` };
      }),
    );
    return { peers, problems };
  }
}

function digest(index: number, text: string): string {
  return createHash('sha256').update(`${index} ${text}`).digest('base64');
}
