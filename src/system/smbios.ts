import { readFileLimited } from './files.ts';

/** The machine's SMBIOS system UUID, in lower case; only root may read it. Rejects on machines without SMBIOS. */
export async function systemUuid(file = '/sys/class/dmi/id/product_uuid'): Promise<string> {
  return (await readFileLimited(file)).toString().trim().toLowerCase();
}
