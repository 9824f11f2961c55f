import type { Empty } from '../../gen/google/protobuf/empty.ts';
import type { Disk, DisksResponse } from '../../gen/storage/storage.ts';
import type { UnaryHandler } from '../handler.ts';

/** Disks of spec/api.md §2.9, served in maintenance mode only. */
export function storageHandlers({ listDisks }: { readonly listDisks: () => Promise<Disk[]> }): {
  readonly disks: UnaryHandler<Empty, DisksResponse>;
} {
  return { disks: async () => ({ messages: [{ metadata: undefined, disks: await listDisks() }] }) };
}
