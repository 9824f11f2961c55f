import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Sequence } from './sequence.ts';
import { ApplyBed, clientCall } from './test-node.ts';

const CONFIG = 'machine: {type: controlplane, token: t}\ncluster: {controlPlane: {endpoint: "https://a:6443"}}\n';

let bed: ApplyBed;
beforeEach(async () => {
  bed = await ApplyBed.start(CONFIG);
});
afterEach(() => bed.remove());

/** A boot that waits for something that never comes. */
const boot = (): Sequence => ({
  name: 'boot',
  locks: true,
  repeatsFailedPhases: true,
  phases: [{ name: 'wait', tasks: [{ name: 'wait', run: ({ signal }) => bed.clock.sleep(1e9, signal) }] }],
});

test('reboot and shutdown end a boot that hangs', async () => {
  const booting = bed.sequencer.run(boot()).catch((error: Error) => error.message);
  await bed.control.reboot();
  expect(await booting).toBe('context canceled');
  expect(bed.ends).toEqual([{ command: 'restart', config: undefined }]);
  await bed.control.shutdown();
  expect(bed.ends.at(-1)).toEqual({ command: 'powerOff', config: undefined });
});

test('a node that fails half way down comes up again, with the config that it was to start with', async () => {
  bed.isStuck = true;
  const call = clientCall();
  await bed.applier.apply(Buffer.from(`${CONFIG}# next\n`), 'reboot', call);
  call.reply();
  const { command, config } = await bed.ended;
  expect({ command, text: Buffer.from(config?.bytes ?? []).toString() }).toEqual({
    command: 'restart',
    text: `${CONFIG}# next\n`,
  });
  expect(bed.lines.at(-1)).toMatch(/^apply configuration failed: .*: failed, restart is not possible$/);
});

test('a shutdown that fails ends the node all the same', async () => {
  bed.isStuck = true;
  await bed.control.shutdown();
  expect(bed.ends).toEqual([{ command: 'powerOff', config: undefined }]);
  expect(bed.lines.at(-1)).toMatch(/^shutdown failed: .*: failed, powerOff is not possible$/);
});

test('a reboot that cannot have the lock leaves the node as it is', async () => {
  const deaf: Sequence = {
    ...boot(),
    phases: [{ name: 'wait', tasks: [{ name: 'wait', run: () => new Promise(() => {}) }] }],
  };
  const hold = bed.sequencer.hold('upgrade');
  const rebooting = bed.control.reboot();
  await bed.clock.advance(60_000);
  await rebooting;
  expect({ ends: bed.ends, line: bed.lines.at(-1) }).toEqual({
    ends: [],
    line: 'reboot failed: failed to acquire lock: the upgrade sequence did not stop within a minute',
  });
  hold.release();
  // A task that hears nothing is given up after ten seconds, so this one is had.
  const booting = bed.sequencer.run(deaf).catch((error: Error) => error.message);
  const again = bed.control.reboot();
  await bed.clock.advance(10_000);
  await again;
  expect([await booting, bed.ends]).toEqual(['context canceled', [{ command: 'restart', config: undefined }]]);
});
