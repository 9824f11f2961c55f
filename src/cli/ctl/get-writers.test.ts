import { describe, expect, test } from 'vitest';
import { EventType, type Resource } from '../../gen/resource/resource.ts';
import { createWriter } from './get-writers.ts';

function resource(type: string, id: string, yaml: string, finalizers: string[] = []): Resource {
  const metadata = { namespace: 'runtime', type, id, version: '2', phase: 'running', finalizers };
  return { metadata, spec: { yaml: Buffer.from(yaml) } };
}

const definition = resource(
  'ResourceDefinitions.meta.cosi.dev',
  'services.v1alpha1.talos.dev',
  'displayType: Service\nprintColumns:\n    - name: Running\n      jsonPath: "{.running}"\n    - name: Healthy\n      jsonPath: "{.healthy}"\n',
);
const apid = resource('Services.v1alpha1.talos.dev', 'apid', 'running: true\nhealthy: false # yet\n\n', ['one']);
const bare = resource('Services.v1alpha1.talos.dev', 'containerd', 'running: true\n');
const scalar = resource('MachineTypes.config.talos.dev', 'machine-type', 'controlplane\n');

describe('get prints resources (spec/resources.md §9.2)', () => {
  test('as a table, with an empty cell for a missing key', () => {
    const writer = createWriter('table', false);
    const text = [
      writer.definition(definition),
      writer.definition(definition),
      writer.resource('10.5.0.2', apid, EventType.CREATED),
      writer.resource('10.5.0.2', bare, EventType.CREATED),
      writer.flush(),
    ];
    expect(text.join('')).toBe(
      [
        'NODE       NAMESPACE   TYPE      ID           VERSION   RUNNING   HEALTHY',
        '10.5.0.2   runtime     Service   apid         2         true      false',
        '10.5.0.2   runtime     Service   containerd   2         true      ',
        '',
      ].join('\n'),
    );
  });

  test('as a live table', () => {
    const writer = createWriter('table', true);
    const text = [
      writer.definition(definition),
      writer.resource('10.5.0.2', apid, EventType.CREATED),
      writer.resource('10.5.0.2', apid, EventType.UPDATED),
      writer.resource('10.5.0.2', apid, EventType.DESTROYED),
    ];
    expect(text.join('')).toBe(
      [
        'NODE       *   NAMESPACE   TYPE      ID     VERSION   RUNNING   HEALTHY',
        '10.5.0.2   +   runtime     Service   apid   2         true      false',
        '10.5.0.2       runtime   Service   apid   2   true   false',
        '10.5.0.2   -   runtime   Service   apid   2   true   false',
        '',
      ].join('\n'),
    );
  });

  test('as YAML with the bytes of the node', () => {
    const writer = createWriter('yaml', true);
    const text = [apid, scalar].map(each => writer.resource('n1', each, EventType.UPDATED)).join('');
    expect(text).toBe(
      [
        'node: n1\nevent: updated\nmetadata:\n    namespace: runtime\n    type: Services.v1alpha1.talos.dev\n    id: apid',
        '    version: 2\n    phase: running\n    finalizers:\n        - one',
        'spec:\n    running: true\n    healthy: false # yet\n    ',
        '---\nnode: n1\nevent: updated\nmetadata:\n    namespace: runtime\n    type: MachineTypes.config.talos.dev',
        '    id: machine-type\n    version: 2\n    phase: running\nspec:\n    controlplane\n',
      ].join('\n'),
    );
  });

  test('as JSON with sorted keys and whole numbers', () => {
    const big = resource('T', 'id', 'b: <&>\na: 18446744073709551615\nc: []\nd: {x: 1.5, y: null}\n');
    expect(createWriter('json', false).resource('n1', big, EventType.CREATED)).toBe(
      [
        '{',
        '    "metadata": {',
        '        "id": "id",',
        '        "namespace": "runtime",',
        '        "phase": "running",',
        '        "type": "T",',
        '        "version": 2',
        '    },',
        '    "node": "n1",',
        '    "spec": {',
        '        "a": 18446744073709551615,',
        '        "b": "\\u003c\\u0026\\u003e",',
        '        "c": [],',
        '        "d": {',
        '            "x": 1.5,',
        '            "y": null',
        '        }',
        '    }',
        '}',
        '',
      ].join('\n'),
    );
  });

  test('other forms and unreadable specs are errors in one line', () => {
    expect(() => createWriter('bad', false)).toThrow('output format "bad" is not supported');
    const broken = resource('T', 'id', 'a: [');
    expect(() => createWriter('json', false).resource('n', broken, 0)).toThrow(
      /^the node sent an unreadable spec of T\(runtime\/id\): .+$/,
    );
  });
});
