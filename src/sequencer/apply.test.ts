import fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';
import { errorMessage } from '../lib/errors.ts';
import { createCa, validFor } from '../pki/ca.ts';
import { EMPTY_ORGANIZATION } from '../pki/name.ts';
import type { ApplyMode } from './apply.ts';
import type { Sequence } from './sequence.ts';
import { ApplyBed, clientCall } from './test-node.ts';

const config = (machine = '', cluster = '') => `# mine
machine:
  type: controlplane
  token: t
${machine}
cluster:
  controlPlane: {endpoint: "https://a:6443"}
${cluster}
`;
const OLD = config();
const LIVE = config(
  '  env: {FOO: bar}\n  sysctls: {net.a: "1"}\n  time: {servers: [a]}\n  files: [{path: /var/a, content: a, op: create}]',
  '  proxy: {disabled: true}',
);
const LATER = config('  kubelet: {image: other}');

let bed: ApplyBed;
afterEach(() => bed.remove());

/** Applies, lets the answer leave and everything after it happen; the error's text, or `taken`. */
async function apply(document: string, mode: ApplyMode, nodeCount?: number): Promise<string> {
  const call = clientCall(nodeCount);
  try {
    await bed.applier.apply(Buffer.from(document), mode, call);
  } catch (error) {
    return errorMessage(error);
  }
  call.reply();
  await bed.settle();
  return 'taken';
}

const boot = (): Sequence => ({
  name: 'boot',
  locks: true,
  repeatsFailedPhases: false,
  phases: [{ name: 'wait', tasks: [{ name: 'wait', run: ({ signal }) => bed.clock.sleep(60_000, signal) }] }],
});

test('immediate: on disk before the answer, in use after it', async () => {
  bed = await ApplyBed.start(OLD);
  const call = clientCall();
  await bed.applier.apply(Buffer.from(LIVE), 'immediate', call);
  expect(await bed.documents()).toEqual({ running: OLD, stored: LIVE });
  call.reply();
  await bed.settle();
  expect({ ...(await bed.documents()), effects: bed.effects, version: bed.version }).toEqual({
    running: LIVE,
    stored: LIVE,
    effects: ['env {"FOO":"bar"}', '1 files', 'sysctls {"net.a":"1"}', 'restart timed'],
    version: 2,
  });
  // The same once more counts as a change of the resource, and does nothing else.
  expect(await apply(LIVE, 'immediate')).toBe('taken');
  expect({ version: bed.version, effects: bed.effects.length, ends: bed.ends }).toEqual({
    version: 3,
    effects: 4,
    ends: [],
  });
});

test('immediate: a client that vanishes does not keep the config from being used', async () => {
  bed = await ApplyBed.start(OLD);
  await bed.applier.apply(Buffer.from(LIVE), 'immediate', clientCall());
  await bed.clock.advance(4999);
  expect(bed.version).toBe(1);
  await bed.clock.advance(1);
  expect(bed.version).toBe(2);
});

test('immediate: a service that does not come back does not hold up the next config', async () => {
  bed = await ApplyBed.start(OLD);
  bed.restarted = new Promise(() => {});
  expect(await apply(LIVE, 'immediate')).toBe('taken');
  const next = `${LIVE}# next\n`;
  expect(await apply(next, 'immediate')).toBe('taken');
  await bed.clock.advance(59_000);
  expect((await bed.documents()).running).toBe(LIVE);
  await bed.clock.advance(1_000);
  expect((await bed.documents()).running).toBe(next);
  expect(bed.lines.at(-1)).toBe('the new configuration is in use, but restart of timed is not done after 60s');
});

test('immediate: an address goes a second after the answer', async () => {
  bed = await ApplyBed.start(OLD);
  const moved = config('  network: {interfaces: [{interface: eth0, cidr: 10.0.0.1/24}]}');
  const call = clientCall();
  await bed.applier.apply(Buffer.from(moved), 'immediate', call);
  call.reply();
  await bed.clock.advance(999);
  expect(bed.version).toBe(1);
  await bed.clock.advance(1);
  expect((await bed.documents()).running).toBe(moved);
});

test('immediate: what cannot be live is refused by path, and nothing changes', async () => {
  bed = await ApplyBed.start(OLD);
  expect(await apply(LATER.replace('token: t', 'token: u'), 'immediate')).toBe(
    "this config change can't be applied in immediate mode\n" +
      'diff:\n  machine.kubelet.image: needs reboot\n  machine.token: needs reboot',
  );
  expect({ ...(await bed.documents()), version: bed.version }).toEqual({ running: OLD, stored: OLD, version: 1 });
});

test('on-reboot: on disk, and nothing else', async () => {
  bed = await ApplyBed.start(OLD);
  expect(await apply(LATER, 'on-reboot')).toBe('taken');
  expect({ ...(await bed.documents()), version: bed.version, events: bed.events, ends: bed.ends }).toEqual({
    running: OLD,
    stored: LATER,
    version: 1,
    events: [],
    ends: [],
  });
});

test('on-reboot: that a config which is not kept is not read either is said', async () => {
  const said = 'persist is false: the next start takes its config from where the first came, not the stored one';
  bed = await ApplyBed.start(OLD);
  const notes = (document: string, mode: ApplyMode) =>
    bed.applier.plan(Buffer.from(document), mode, { nodeCount: 1 }).notes;
  const kept = `persist: true\n${LATER}`;
  expect([notes(LATER, 'on-reboot'), notes(LATER, 'reboot'), notes(kept, 'on-reboot')]).toEqual([[said], [], []]);
  expect([await apply(kept, 'on-reboot'), await apply(LATER, 'on-reboot')]).toEqual(['taken', 'taken']);
  expect(bed.lines.filter(line => line === said)).toHaveLength(1);
});

test('default mode: on disk, answered, then the next life begins with it, whatever persist says', async () => {
  bed = await ApplyBed.start(OLD);
  const next = `persist: false\n${LATER}`;
  const call = clientCall();
  await bed.applier.apply(Buffer.from(next), 'reboot', call);
  expect({ ...(await bed.documents()), events: bed.events }).toEqual({ running: OLD, stored: next, events: [] });
  // From the answer on the lock is held: a second one is refused where it stands.
  expect(await apply(OLD, 'reboot')).toBe('locked: the applyConfiguration sequence is running');
  call.reply();
  await bed.ended;
  expect(bed.ends).toEqual([{ command: 'restart', config: expect.objectContaining({ bytes: Buffer.from(next) }) }]);
  expect({ running: (await bed.documents()).running, events: bed.events.slice(0, 3) }).toEqual({
    running: OLD,
    events: [
      'applyConfiguration NOOP sequence not started: locked',
      'applyConfiguration START',
      'applyConfiguration STOP',
    ],
  });
});

test('while another sequence holds the lock, default mode is refused in the answer; what does not need it goes through', async () => {
  bed = await ApplyBed.start(OLD);
  const booting = bed.sequencer.run(boot());
  expect(await apply(LATER, 'reboot')).toBe('locked: the boot sequence is running');
  expect({ ...(await bed.documents()), events: bed.events }).toEqual({
    running: OLD,
    stored: OLD,
    events: ['boot START', 'applyConfiguration NOOP sequence not started: locked'],
  });
  expect(await apply(LATER, 'on-reboot')).toBe('taken');
  expect(await apply(LIVE, 'immediate')).toBe('taken');
  await expect(bed.applier.try(Buffer.from(OLD), { timeout: 1000, keep: false }, clientCall())).rejects.toThrow(
    'locked: the boot sequence is running',
  );
  await bed.clock.advance(60_000);
  await booting;
});

test("a call for several nodes cannot give one node another's identity", async () => {
  bed = await ApplyBed.start(config('  network: {hostname: a}'));
  const other = config('  network: {hostname: b}');
  for (const mode of ['reboot', 'immediate', 'on-reboot'] as const) {
    expect(await apply(other, mode, 2)).toBe(
      "this looks like another node's configuration: the call is for 2 nodes and would change " +
        'machine.network.hostname; apply it to one node at a time',
    );
  }
  expect(bed.sequencer.current).toBe(undefined);
  expect(await apply(config('  network: {hostname: a}', '  proxy: {disabled: true}'), 'immediate', 2)).toBe('taken');
  expect(await apply(other, 'immediate', 1)).toBe('taken');
});

test('a control plane node keeps what it signs its certificates with', async () => {
  const { crt, key } = await createCa({ algorithm: 'ed25519', subject: EMPTY_ORGANIZATION, validity: validFor(0, 1) });
  const [certificate, secret] = [crt, key].map(pem => pem.toString('base64'));
  bed = await ApplyBed.start(config(`  ca: {crt: ${certificate}, key: ${secret}}`));
  const refusal =
    'this config has no certificate and key in machine.ca, which control plane nodes need: the API would not come up again';
  for (const without of [config(), config(`  ca: {crt: ${certificate}, key: ""}`)])
    for (const mode of ['reboot', 'on-reboot'] as const) expect(await apply(without, mode)).toBe(refusal);
  const worker = config(`  ca: {crt: ${certificate}, key: ""}`).replace('controlplane', 'worker');
  expect(await apply(worker, 'on-reboot')).toBe('taken');
});

test('a dry run says all of it and changes nothing', async () => {
  bed = await ApplyBed.start(OLD);
  const before = { files: await bed.files(), ...(await bed.documents()) };
  const { changes, refusal } = bed.applier.plan(Buffer.from(LATER), 'immediate', { nodeCount: 1 });
  expect({ changes: changes.map(({ path, need }) => `${path}: ${need}`), refusal }).toEqual({
    changes: ['machine.kubelet.image: reboot'],
    refusal: undefined,
  });
  await bed.settle();
  expect({ files: await bed.files(), ...(await bed.documents()) }).toEqual(before);
  expect({ version: bed.version, events: bed.events, lines: bed.lines }).toEqual({ version: 1, events: [], lines: [] });
});

test('on trial: gone after its time, kept when confirmed, taken back by the next life', async () => {
  bed = await ApplyBed.start(OLD);
  const attempt = async () => {
    const call = clientCall();
    const { trial } = await bed.applier.try(Buffer.from(LIVE), { timeout: 60_000, keep: false }, call);
    call.reply();
    await bed.settle();
    expect(await bed.documents()).toEqual({ running: LIVE, stored: LIVE });
    return trial!.id;
  };
  await attempt();
  expect(await apply(LATER, 'on-reboot')).toMatch(/^configuration \w+ is on trial until .*: confirm it/);
  await bed.clock.advance(60_000);
  await bed.settle();
  expect({ ...(await bed.documents()), files: await bed.files() }).toEqual({
    running: OLD,
    stored: OLD,
    files: ['config.yaml'],
  });

  // The agent dies and comes back in time: the rest of the trial runs.
  await attempt();
  await bed.clock.advance(20_000);
  bed = await bed.restart();
  expect(await bed.documents()).toEqual({ running: LIVE, stored: LIVE });
  await bed.clock.advance(40_000);
  await bed.settle();
  expect(await bed.documents()).toEqual({ running: OLD, stored: OLD });

  // It comes back too late: it starts with the config before.
  await attempt();
  const late = bed;
  late.trials.close();
  await late.clock.advance(61_000);
  bed = await late.restart();
  expect({ ...(await bed.documents()), files: await bed.files() }).toEqual({
    running: OLD,
    stored: OLD,
    files: ['config.yaml'],
  });

  const id = await attempt();
  await expect(bed.applier.confirm('other')).rejects.toThrow(`configuration ${id} is on trial, not other`);
  expect(await bed.applier.confirm('')).toBe(id);
  await expect(bed.applier.confirm(id)).rejects.toThrow('no configuration is on trial');
  await bed.clock.advance(120_000);
  expect({ ...(await bed.documents()), files: await bed.files() }).toEqual({
    running: LIVE,
    stored: LIVE,
    files: ['config.yaml'],
  });
});

test('on trial: a life that begins with what its source brings knows nothing of the trial any more', async () => {
  bed = await ApplyBed.start(OLD);
  const call = clientCall();
  const { trial } = await bed.applier.try(Buffer.from(LIVE), { timeout: 60_000, keep: false }, call);
  call.reply();
  await bed.settle();
  bed = await bed.restart();
  await bed.trials.startedWith(Buffer.from(LIVE));
  expect(bed.trials.current?.id).toBe(trial?.id);

  await bed.trials.startedWith(Buffer.from(LATER));
  await bed.clock.advance(120_000);
  await bed.settle();
  expect({ current: bed.trials.current, files: await bed.files(), ...(await bed.documents()) }).toEqual({
    current: undefined,
    files: ['config.yaml'],
    running: LIVE,
    stored: LIVE,
  });
});

test('500 mutated configs: each is taken or refused with its place, none by half', async () => {
  bed = await ApplyBed.start(OLD);
  const valid = LIVE.replace('# mine', `# ${'a word of mine '.repeat(20)}`);
  const piece = fc.constantFrom(
    '~',
    '[]',
    '{',
    ': ',
    '\n',
    '\t',
    '"',
    '&a ',
    '*a',
    '---\n',
    '!!int ',
    '0x',
    'bogus: 1\n',
    'é',
    '\0',
    '  ',
    '- ',
  );
  const mutation = fc.tuple(fc.nat(valid.length), fc.nat(12), fc.oneof(piece, fc.string({ maxLength: 6 })));
  const modes = fc.constantFrom<ApplyMode>('immediate', 'on-reboot');
  let taken = 0;
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(mutation, { minLength: 1, maxLength: 2 }), modes, async (mutations, mode) => {
      const text = mutations.reduce((old, [at, drop, put]) => old.slice(0, at) + put + old.slice(at + drop), valid);
      const document = Buffer.from(text).toString();
      const before = await bed.documents();
      const result = await apply(document, mode);
      const after = await bed.documents();
      if (result === 'taken') {
        taken++;
        expect(after).toEqual({ running: mode === 'immediate' ? document : before.running, stored: document });
      } else {
        refused++;
        expect(after).toEqual(before);
        const isPlaced = /^failed to (?:parse|validate) config: [\s\S]*config\.yaml:\d+:\d+: /.test(result);
        const isNamed =
          /^this config change can't be applied in immediate mode\ndiff:\n( {2}\S+: needs \w+.*\n?)+$/.test(result);
        expect(isPlaced || isNamed, result).toBe(true);
      }
    }),
    { numRuns: 500, seed: 4 },
  );
  expect(taken + refused).toBe(500);
  expect(Math.min(taken, refused)).toBeGreaterThan(50);
});
