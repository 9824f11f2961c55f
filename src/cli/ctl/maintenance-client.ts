import { API_PORT, ApiClient } from './client.ts';
import { maintenanceCredentials } from './credentials.ts';
import type { InsecureTarget } from './insecure-target.ts';
import type { Session } from './session.ts';
import { checkEndpoint } from './target.ts';

/** A client of a node that has no config yet, closed with the session. */
export async function maintenanceClient(session: Session, { node, fingerprints }: InsecureTarget): Promise<ApiClient> {
  checkEndpoint(node);
  const credentials = await maintenanceCredentials(node, API_PORT, fingerprints);
  return session.adopt(new ApiClient([node], () => credentials, [], session.signal));
}
