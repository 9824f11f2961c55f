import { TalosdError } from '../lib/errors.ts';
import { parseIp } from '../lib/ip.ts';
import type { Downloader, DownloadRules } from './download.ts';
import type { PlatformContext } from './platform.ts';

// What the platforms with a metadata service have in common (sequences-and-services.md §5).

/** A cloud platform's service: where it is, what it wants to hear, and who asks it. */
export interface MetadataService {
  readonly downloader: Downloader;
  /** Without a slash at its end. Replaced in tests only. */
  readonly baseUrl: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const HOSTNAME_FAILED = 'failed to fetch hostname from metadata service';
const ADDRESSES_FAILED = 'failed to retrieve external addresses for instance';

/** The machine config: retried; undefined where the service has none (404 or empty). */
export async function userData(
  service: MetadataService,
  path: string,
  context: PlatformContext,
): Promise<Buffer | undefined> {
  const url = service.baseUrl + path;
  context.log.info(`fetching machine config from: "${url}"`);
  return service.downloader.download(url, context, { ...rules(service), mayBeAbsent: true });
}

/** The machine's name, asked once. */
export async function metadataHostname(
  service: MetadataService,
  path: string,
  context: PlatformContext,
): Promise<string | undefined> {
  const { status, body } = await service.downloader.ask(service.baseUrl + path, context, rules(service));
  if (status !== 200) throw new TalosdError('unavailable', `${HOSTNAME_FAILED}: ${status}`);
  return body.toString().trim() || undefined;
}

/** What the service says about addresses, asked once. */
export async function addressMetadata(
  service: MetadataService,
  path: string,
  context: PlatformContext,
): Promise<string> {
  const { status, body } = await service.downloader.ask(service.baseUrl + path, context, rules(service));
  if (status !== 200) throw new TalosdError('unavailable', ADDRESSES_FAILED);
  return body.toString();
}

/** The texts that are addresses, in canonical form, each once; empty ones mean that a link has none. */
export function knownAddresses(texts: readonly unknown[], context: PlatformContext): string[] {
  const addresses = texts.flatMap(given => {
    const text = typeof given === 'string' ? given.trim() : '';
    const address = parseIp(text);
    if (!address && text !== '') context.log.warn(`the metadata service names "${text}", which is no address`);
    return address ? [address.text] : [];
  });
  return [...new Set(addresses)];
}

/** Reads what a service answered as JSON; `what` names it in the error. */
export function readJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new TalosdError('unknown', `${what} is no JSON`, { cause: error });
  }
}

/** A metadata service is on the machine's own network: it is never asked through a proxy. */
export function rules({ headers }: MetadataService): DownloadRules {
  return { direct: true, ...(headers ? { headers } : {}) };
}
