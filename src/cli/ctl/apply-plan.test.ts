import { describe, expect, test } from 'vitest';
import { type ApplyFlags, planApply } from './apply-plan.ts';
import { changeReport, isRefused } from './node-service.ts';

const flags: ApplyFlags = {
  file: 'c.yaml',
  mode: undefined,
  immediate: false,
  onReboot: false,
  dryRun: false,
  try: undefined,
  rollback: true,
  confirm: false,
  insecure: false,
  fingerprints: [],
  nodes: ['10.5.0.7'],
};

describe('apply-config', () => {
  test('each combination of flags is one call', () => {
    const plans = [
      {},
      { immediate: true },
      { mode: 'on-reboot' },
      { insecure: true, fingerprints: ['f'] },
      { dryRun: true, immediate: true },
      { try: '1m30s' },
      { rollback: false, immediate: true },
      { confirm: true, file: undefined },
    ].map(some => planApply({ ...flags, ...some }));
    const apply = { kind: 'apply', file: 'c.yaml', immediate: false, onReboot: false, insecure: undefined };
    expect(plans).toEqual([
      apply,
      { ...apply, immediate: true },
      { ...apply, onReboot: true },
      { ...apply, insecure: { node: '10.5.0.7', fingerprints: ['f'] } },
      { kind: 'dry-run', file: 'c.yaml', mode: 1 },
      { kind: 'try', file: 'c.yaml', timeout: { seconds: 90n, nanos: 0 }, rollback: true },
      { kind: 'try', file: 'c.yaml', timeout: undefined, rollback: false },
      { kind: 'confirm' },
    ]);
  });

  test.each<[Partial<ApplyFlags>, string]>([
    [{ file: undefined }, 'no filename supplied for configuration'],
    [{ mode: 'now' }, 'invalid argument "now" for "--mode": reboot, immediate or on-reboot'],
    [{ mode: 'reboot', immediate: true }, 'modes reboot and immediate exclude each other'],
    [{ dryRun: true, try: '1m' }, '--dry-run and --try exclude each other'],
    [{ dryRun: true, insecure: true }, '--dry-run and --insecure exclude each other'],
    [{ try: '1m', rollback: false }, '--try and --no-rollback exclude each other'],
    [{ try: '-1m' }, 'invalid argument "-1m" for "--try": a duration such as 2m is expected'],
    [{ try: '1m', onReboot: true }, '--try applies without a reboot only'],
    [{ confirm: true }, '--confirm takes no file: it keeps the config that is on trial'],
    [{ insecure: true, nodes: [] }, 'insecure mode requires one and only one node, got 0'],
    [{ fingerprints: ['x'] }, '--cert-fingerprint goes with --insecure only'],
  ])('%j is refused', (some, message) => {
    expect(() => planApply({ ...flags, ...some })).toThrow(message);
  });

  test('a report names each path with what it needs', () => {
    const change = { service: '', from: undefined, to: undefined, reason: '', line: 1, column: 1 };
    const changes = [
      { ...change, path: 'cluster.etcd', action: 2 as const, service: 'etcd', to: 'a: 1\nb: 2\n' },
      { ...change, path: 'machine.env', action: 1 as const, from: 'x\n' },
      { ...change, path: 'machine.install.disk', action: 4 as const, reason: 'the disk is in use' },
      { ...change, path: 'machine.type', action: 3 as const },
    ];
    const replies = [
      { node: 'n1', message: { changes, notes: ['the address of the caller changes'] } },
      { node: 'n2', message: { changes: [], notes: [] } },
    ];
    expect(changeReport(replies)).toBe(
      [
        'NODE   PATH                   EFFECT                FROM   TO      REASON',
        'n1     cluster.etcd           now (restarts etcd)   -      a: 1…   ',
        'n1     machine.env            now                   x      -       ',
        'n1     machine.install.disk   needs reset           -      -       the disk is in use',
        'n1     machine.type           needs reboot          -      -       ',
        'n2: no changes',
        'n1: note: the address of the caller changes',
        '',
      ].join('\n'),
    );
    expect(isRefused(replies)).toBe(false);
  });
});
