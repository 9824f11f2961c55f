import type { Talosconfig } from '../talosconfig.ts';
import { issueAdminCertificate, type SecretsBundle } from './secrets.ts';

/** The admin's talosconfig for a cluster, with a new client certificate (spec/machine-config.md §9). */
export async function generateTalosconfig(
  clusterName: string,
  endpoints: readonly string[],
  secrets: SecretsBundle,
  now: number,
): Promise<Talosconfig> {
  const { crt, key } = await issueAdminCertificate(secrets.os, now);
  const context = { endpoints, nodes: [], ca: secrets.os.crt, crt, key };
  return { context: clusterName, contexts: new Map([[clusterName, context]]) };
}
