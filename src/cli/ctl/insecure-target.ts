import { TalosdError } from '../../lib/errors.ts';

/** A node that has no config yet, which nobody can verify but by fingerprint. */
export interface InsecureTarget {
  readonly node: string;
  readonly fingerprints: readonly string[];
}

/** The flags by which a command talks to such a node. */
export const INSECURE_OPTIONS = [
  { flags: '-i, --insecure', help: 'the node has no config yet: verify nothing but fingerprints' },
  { flags: '--cert-fingerprint <list>', help: 'accepted certificates of the node (with --insecure)', list: true },
] as const;

/** What the flags say; undefined for a node that has a config. */
export function insecureTarget(flags: {
  readonly insecure: boolean;
  readonly fingerprints: readonly string[];
  readonly nodes: readonly string[];
}): InsecureTarget | undefined {
  const { insecure, fingerprints, nodes } = flags;
  if (fingerprints.length > 0 && !insecure) {
    throw new TalosdError('invalid_argument', '--cert-fingerprint goes with --insecure only');
  }
  if (!insecure) return undefined;
  const [node] = nodes;
  if (node === undefined || nodes.length > 1) {
    const text = `insecure mode requires one and only one node, got ${nodes.length}`;
    throw new TalosdError('invalid_argument', text);
  }
  return { node, fingerprints };
}
