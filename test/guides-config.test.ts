import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { decodeConfig } from '../src/config/decode.ts';
import { ConfigError } from '../src/config/problem.ts';
import { validateConfig } from '../src/config/validate.ts';

const file = join(import.meta.dirname, '../../shared/guides.txt');
const isHere = existsSync(file);
const reason = isHere ? '' : ` (skipped: no ${file})`;

interface Example {
  readonly line: number;
  readonly text: string;
}

/** The machine-config examples of the guides: from an outermost key to the next line of prose. */
function examples(guides: string): Example[] {
  const lines = guides.split('\n');
  const found: Example[] = [];
  lines.forEach((line, index) => {
    if (!/^(?:machine|cluster|network):$/.test(line)) return;
    const rest = lines.slice(index + 1);
    const end = rest.findIndex(other => /^[^\s.#]/.test(other));
    found.push({ line: index + 1, text: complete([line, ...rest.slice(0, end < 0 ? undefined : end)]) });
  });
  return found;
}

/** Fills in what a guide leaves out: dots, placeholders in angle brackets, the sections around a fragment. */
function complete(lines: string[]): string {
  const filled = lines
    .filter(line => !/^\s*\.{3,}\s*$/.test(line))
    .map(line => line.replace(/<[^>]*>/g, 'placeholder'));
  const isNetwork = filled[0] === 'network:';
  const body = isNetwork ? ['machine:', ...filled.map(line => `  ${line}`)] : filled;
  if (body[0] !== 'machine:') return ['machine: {}', ...body, '  network: {dnsDomain: cluster.local}'].join('\n');
  return [...body, 'cluster: {controlPlane: {endpoint: "https://h:6443"}, network: {dnsDomain: a.b}}'].join('\n');
}

/** Everything that is said about an example, as `path: message; hint`. */
function remarks(text: string): { problems: string[]; notes: string[] } {
  const line = (problem: { path: string; message: string; hint?: string }) =>
    `${problem.path}: ${problem.message}${problem.hint ? `; ${problem.hint}` : ''}`;
  try {
    const decoded = decodeConfig(Buffer.from(text), { file: 'guide.yaml', unknownKeys: 'refuse' });
    const config = { ...decoded.config, machine: { type: 'controlplane', ...decoded.config.machine } };
    const { positions } = decoded;
    const { problems, notes } = validateConfig(config, { mode: 'cloud', diskExists: () => true, positions });
    return { problems: problems.map(line), notes: [...decoded.notes, ...notes].map(line) };
  } catch (error) {
    if (error instanceof ConfigError) return { problems: error.problems.map(line), notes: [] };
    throw error;
  }
}

const peers = 'machine.network.interfaces[0].wireguard.peers';
const misplaced = (key: string) => `machine.${key}: unknown key; did you mean machine.systemDiskEncryption.${key}?`;

/** What machine-config.md §15 decides about examples, by their first own line. */
const REMARKS: { holds: string; problems: string[]; notes: string[] }[] = [
  {
    holds: "'*':",
    problems: [],
    notes: [
      'machine.registries["*"]: taken as an entry of mirrors; its right place is machine.registries.mirrors["*"]',
    ],
  },
  {
    holds: '209.202.254.14.8172',
    problems: [
      `${peers}[0].endpoint: invalid WireGuard endpoint "209.202.254.14.8172": expected host:port; did you mean 209.202.254.14:8172?`,
    ],
    notes: [`${peers}: one entry is taken as a list of one; write it as a list entry, with a dash`],
  },
  { holds: '\n  state:', problems: [misplaced('state'), misplaced('ephemeral')], notes: [] },
  { holds: '\n  ephemeral:', problems: [misplaced('ephemeral')], notes: [] },
];

describe.skipIf(!isHere)(`machine configs of the guides${reason}`, () => {
  const found = isHere ? examples(readFileSync(file, 'utf8')) : [];

  test('there are many', () => {
    expect(found.length).toBeGreaterThanOrEqual(15);
  });

  test.each(found)('line $line', ({ text }) => {
    const { problems, notes } = REMARKS.find(({ holds }) => text.includes(holds)) ?? { problems: [], notes: [] };
    expect(remarks(text)).toEqual({ problems, notes });
  });

  test.each(found.filter(({ text }) => text.includes('\n  ephemeral:')))(
    'line $line, keys in their place',
    ({ text }) => {
      const [head = '', ...rest] = text.split('\n');
      const tail = rest.pop()!;
      const right = [head, '  systemDiskEncryption:', ...rest.map(line => `  ${line}`), tail].join('\n');
      const { problems, notes } = remarks(right);
      expect(problems).toEqual([]);
      expect(notes.every(note => note.includes('keySlot is taken as slot'))).toBe(true);
    },
  );
});
