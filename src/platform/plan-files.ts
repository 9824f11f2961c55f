import { posix } from 'node:path';
import type { MachineFile } from '../config/schema/machine.ts';
import { TalosdError } from '../lib/errors.ts';

/** One thing that is done to the content of a file. */
export interface FileOperation {
  readonly op: 'create' | 'append' | 'overwrite';
  readonly content: string;
}

/** One file of the node and all that the config does to it, in order. */
export interface PlannedFile {
  /** As the config writes it; stands in errors. */
  readonly shown: string;
  /** Absolute node path without dots. */
  readonly path: string;
  /** Written where it stands, or shown in place of what the system has there. */
  readonly place: 'direct' | 'over-system';
  readonly operations: readonly FileOperation[];
  /** Permission bits of the last entry. */
  readonly mode: number;
}

export interface FilePlan {
  readonly files: readonly PlannedFile[];
  /** Entries that are left out, and why. */
  readonly errors: readonly string[];
}

const OPERATIONS = new Set(['create', 'append', 'overwrite']);
const MANIFESTS = '/etc/kubernetes/manifests';

/**
 * What `machine.files` asks for (machine-config.md §14.1): entries for one path together, in order. Throws for a file
 * that would be created outside /var: nothing at all is written then.
 */
export function planFiles(entries: readonly MachineFile[]): FilePlan {
  const files = new Map<string, { shown: string; operations: FileOperation[]; mode: number }>();
  const errors: string[] = [];
  for (const { path: shown = '', op = '', content = '', permissions = 0 } of entries) {
    if (!OPERATIONS.has(op)) {
      errors.push(`unknown operation for file ${JSON.stringify(shown)}: ${JSON.stringify(op)}`);
      continue;
    }
    const path = posix.resolve('/', shown);
    if (op === 'create' && !isDirect(path)) {
      throw new TalosdError('unknown', `create operation not allowed outside of /var: ${JSON.stringify(shown)}`);
    }
    const file = files.get(path) ?? { shown, operations: [], mode: 0 };
    file.operations.push({ op: op as FileOperation['op'], content });
    file.mode = permissions & 0o777;
    files.set(path, file);
  }
  return {
    files: [...files].map(([path, file]) => ({ path, place: isDirect(path) ? 'direct' : 'over-system', ...file })),
    errors,
  };
}

/** The content after all operations; `before` is what was there without them, undefined where nothing was. */
export function contentAfter({ shown, operations }: PlannedFile, before: Buffer | undefined): Buffer {
  return operations.reduce<Buffer | undefined>((content, { op, content: text }) => {
    const bytes = Buffer.from(text);
    if (op === 'create') return bytes;
    if (!content) throw new TalosdError('unknown', `file must exist: ${JSON.stringify(shown)}`);
    return op === 'overwrite' ? bytes : Buffer.concat([content, Buffer.from('\n'), bytes]);
  }, before)!;
}

/** Under /var, or a static pod manifest. */
function isDirect(path: string): boolean {
  return path.startsWith('/var/') || posix.dirname(path) === MANIFESTS;
}
