/** Values in the spelling in which a machine config is written (spec/machine-config.md §2). */

/** File permissions as `0o644`. */
export function formatFileMode(mode: number): string {
  return `0o${mode.toString(8)}`;
}

/** Bytes as one line of padded base64. */
export function formatBytes(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}
