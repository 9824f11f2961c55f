import fc from 'fast-check';
import { applyPatch, type Operation, Pointer } from 'rfc6902';
import { expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { parsePatch, patchDocument } from './patch.ts';

const CONFIG = `# my node
version: v1alpha1 # the format
machine:
    type: worker
    # keep this
    sysctls:
        vm.swappiness: 010
        other: yes
    files:
        - permissions: 0644
          path: /var/a
        - permissions: 0o600
          path: /var/b
    network: &net
        hostname: a
cluster:
    network: *net
    proxy: {}
`;

test('operations apply in order and leave comments, key order and spellings alone', () => {
  const patched = patchDocument(CONFIG, [
    { op: 'test', path: '/machine/files/0/permissions', value: 420 },
    { op: 'replace', path: '/machine/type', value: 'init' },
    { op: 'add', path: '/machine/files/-', value: { path: '/var/c', content: 'x\ny\n' } },
    { op: 'remove', path: '/machine/files/1' },
    { op: 'add', path: '/cluster/proxy/disabled', value: true },
    { op: 'replace', path: '/cluster/network/hostname', value: 'yes' },
    { op: 'copy', from: '/machine/type', path: '/cluster/clusterName' },
    { op: 'move', from: '/machine/sysctls/other', path: '/machine/sysctls/a~1b' },
  ]);
  expect(patched).toBe(`# my node
version: v1alpha1 # the format
machine:
    type: init
    # keep this
    sysctls:
        vm.swappiness: 010
        a/b: yes
    files:
        - permissions: 0644
          path: /var/a
        - path: /var/c
          content: |
              x
              y
    network: &net
        hostname: a
cluster:
    network:
        hostname: "yes"
    proxy:
        disabled: true
    clusterName: init
`);
});

test.each([
  [[{ op: 'add', path: '/a/b', value: 1 }], 'add operation does not apply: doc is missing path: "/a/b": missing value'],
  [[{ op: 'add', path: '', value: 1 }], 'add operation does not apply: doc is missing path: "": missing value'],
  [
    [{ op: 'add', path: '/machine/files/9', value: 1 }],
    "error in add for path: '/machine/files/9': Unable to access invalid index: 9: invalid index referenced",
  ],
  [[{ op: 'add', value: 1 }], 'add operation failed to decode path: missing value'],
  [
    [{ op: 'replace', path: '/x/y', value: 1 }],
    'replace operation does not apply: doc is missing path: /x/y: missing value',
  ],
  [
    [{ op: 'replace', path: '/machine/files/5', value: 1 }],
    'replace operation does not apply: doc is missing key: /machine/files/5: missing value',
  ],
  [
    [{ op: 'remove', path: '/machine/no' }],
    "error in remove for path: '/machine/no': Unable to remove nonexistent key: no: missing value",
  ],
  [
    [{ op: 'move', from: '/machine/no', path: '/x' }],
    "error in move for path: 'no': Unable to remove nonexistent key: no: missing value",
  ],
  [
    [{ op: 'copy', from: '/machine/files/7', path: '/machine/token' }],
    "error in copy for from: '/machine/files/7': Unable to access invalid index: 7: invalid index referenced",
  ],
  [
    [{ op: 'test', path: '/machine/files/7', value: null }],
    "error in test for path: '/machine/files/7': Unable to access invalid index: 7: invalid index referenced",
  ],
  [[{ op: 'test', path: '/machine/type', value: 'init' }], 'testing value /machine/type failed: test failed'],
  [[{ op: 'test', path: '/a/b', value: 1 }], 'test operation does not apply: is missing path: /a/b: missing value'],
  [[{ op: 'frob', path: '/a' }], 'Unexpected kind: frob'],
  [[{ path: '/a' }], 'Unexpected kind: unknown'],
])('%j fails with the text of the client', (operations, message) => {
  const run = () => patchDocument(CONFIG, parsePatch(JSON.stringify(operations)));
  expect(run).toThrow(`failure applying rfc6902 patches to talos machine config: ${message}`);
});

test('every byte that an operation does not concern stays', () => {
  const odd = `machine:   # spaced   out
    kubelet: {}
        # # a comment that is deeper
    certSANs:
    - 'quoted'   # dash at the column of its key

    - >-
      folded
      text
    env: { a:  '1' }
    # above files
    files:
      - path:   /a
        op: create # last
# about the cluster
cluster:
  network:  {dnsDomain: a}
`;
  expect(
    patchDocument(odd, [
      { op: 'add', path: '/machine/kubelet/image', value: 'x/y:v1' },
      { op: 'add', path: '/machine/certSANs/1', value: 'new' },
      { op: 'replace', path: '/machine/env/a', value: '2' },
      { op: 'add', path: '/machine/files/-', value: { path: '/b', content: 'l1\nl2\n' } },
      { op: 'remove', path: '/machine/files/0/path' },
      { op: 'add', path: '/cluster/proxy', value: { disabled: true, extraArgs: {} } },
    ]),
  ).toBe(`machine:   # spaced   out
    kubelet:
        image: x/y:v1
        # # a comment that is deeper
    certSANs:
    - 'quoted'   # dash at the column of its key

    - new
    - >-
      folded
      text
    env: { a:  "2" }
    # above files
    files:
      - op: create # last
      - path: /b
        content: |
            l1
            l2
# about the cluster
cluster:
  network:  {dnsDomain: a}
  proxy:
      disabled: true
      extraArgs: {}
`);
});

test('a patch is a JSON array', () => {
  expect(() => parsePatch('- op: add')).toThrow('JSON');
  expect(() => parsePatch('{}')).toThrow('a JSON patch is an array of operations');
});

/** Applies one operation after the other to `target`; whether RFC 6902 allows each of them. */
function applies(target: object, operations: readonly Operation[]): boolean {
  try {
    return operations.every(operation => {
      // The library takes an index behind the end of a list, and moves within a list as if nothing had been taken out.
      const from = operation.op === 'move' && Pointer.fromJSON(operation.from);
      if (from && from.get(target) === undefined) return false;
      const list = Pointer.fromJSON(operation.path).evaluate(target).parent;
      const isOwn = from && from.evaluate(target).parent === list;
      const index = Number(operation.path.split('/').at(-1));
      if (Array.isArray(list) && index > list.length - (isOwn ? 1 : 0)) return false;
      return applyPatch(target, [operation])[0] === null;
    });
  } catch (error) {
    // It throws where a path leads into a text or number.
    if (error instanceof TypeError) return false;
    throw error;
  }
}

test('random patches that a plain object takes give the same document', () => {
  const leaf = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null));
  const tree = fc.dictionary(fc.stringMatching(/^[a-c]$/), fc.oneof(leaf, fc.array(leaf, { maxLength: 3 })), {
    maxKeys: 3,
  });
  const path = fc.stringMatching(/^\/machine\/[a-c](\/[0-2])?$/);
  const operation = fc.oneof(
    fc.record({ op: fc.constant('add' as const), path, value: fc.oneof(leaf, tree) }),
    fc.record({ op: fc.constant('replace' as const), path, value: leaf }),
    fc.record({ op: fc.constant('remove' as const), path }),
    fc.record({ op: fc.constant('move' as const), from: path, path }),
  );
  fc.assert(
    fc.property(tree, fc.array(operation, { maxLength: 4 }), (machine, operations) => {
      const expected = JSON.parse(JSON.stringify({ machine }));
      const copy: Operation[] = JSON.parse(JSON.stringify(operations));
      if (!applies(expected, copy)) return;
      expect(parse(patchDocument(stringify({ machine }), operations))).toEqual(expected);
    }),
  );
});
