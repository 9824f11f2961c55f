import { formatDuration } from '../lib/duration.ts';
import { formatSize } from '../lib/size.ts';
import { formatBytes, formatFileMode } from './format.ts';
import type { ScalarType, Type } from './schema/types.ts';

/** What redaction shows in place of a secret. */
export const REDACTED = '******';

/** A config value of a scalar type in JSON terms: what a reader of its YAML form sees. */
export function scalarJson(type: ScalarType, value: unknown): string | number | boolean {
  switch (type.kind) {
    case 'bool':
      return value as boolean;
    case 'int':
      return value as number;
    case 'duration':
      return formatDuration(value as bigint);
    case 'size':
      return formatSize(value as bigint);
    case 'fileMode':
      return formatFileMode(value as number);
    case 'bytes':
      return formatBytes(value as Uint8Array);
    case 'string':
    case 'url':
      return value as string;
  }
}

/** The value that an absent field of a scalar type stands for. */
export function zeroValue(type: ScalarType): string | number | boolean | bigint | Uint8Array {
  switch (type.kind) {
    case 'bool':
      return false;
    case 'int':
    case 'fileMode':
      return 0;
    case 'duration':
    case 'size':
      return 0n;
    case 'bytes':
      return new Uint8Array();
    case 'string':
    case 'url':
      return '';
  }
}

export function isScalarType(type: Type): type is ScalarType {
  return type.kind !== 'list' && type.kind !== 'map' && type.kind !== 'object';
}

/** Whether a scalar holds its zero value; a tri-state boolean never does. */
export function isZero(type: ScalarType, value: unknown): boolean {
  if (type.kind === 'bool' && type.triState) return false;
  if (value instanceof Uint8Array) return value.length === 0;
  return value === zeroValue(type);
}
