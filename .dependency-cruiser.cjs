// The import table of docs/architecture.md as rules. Rooms may import only what their row names;
// everything else, cycles included, is an error.
const rooms = {
  lib: [],
  gen: [],
  system: ['lib', 'gen'],
  runtime: ['lib'],
  pki: ['lib'],
  config: ['pki', 'lib'],
  resources: ['runtime', 'config', 'lib'],
  events: ['gen', 'lib'],
  platform: ['runtime', 'resources', 'config', 'system', 'lib'],
  networkd: ['runtime', 'resources', 'config', 'system', 'lib'],
  services: ['runtime', 'resources', 'events', 'config', 'system', 'pki', 'gen', 'lib'],
  storage: ['runtime', 'resources', 'config', 'system', 'lib'],
  kubernetes: ['runtime', 'resources', 'config', 'pki', 'system', 'gen', 'lib'],
  trustd: ['pki', 'lib', 'gen'],
  cli: ['gen', 'config', 'pki', 'lib'],
  sequencer: [
    'lib',
    'gen',
    'system',
    'runtime',
    'pki',
    'config',
    'resources',
    'events',
    'platform',
    'networkd',
    'services',
    'storage',
    'kubernetes',
  ],
  apid: [
    'lib',
    'gen',
    'system',
    'runtime',
    'pki',
    'config',
    'resources',
    'events',
    'platform',
    'networkd',
    'services',
    'storage',
    'kubernetes',
    'sequencer',
    'trustd',
  ],
};

const forbidden = [
  { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
  {
    name: 'not-to-test',
    severity: 'error',
    from: { path: '^src/', pathNot: '\\.test\\.ts$' },
    to: { path: '^test/|\\.test\\.ts$' },
  },
  {
    name: 'grpc-js-only-at-the-edge',
    comment: 'servers of apid and trustd and one client file each touch grpc-js; handlers and controllers do not',
    severity: 'error',
    from: {
      path: '^src/',
      pathNot: '^src/(gen|apid/[^/]+\\.ts|trustd/[^/]+\\.ts|cli/|kubernetes/etcd|system/)|/testing/|\\.test\\.ts$',
    },
    to: { path: 'node_modules/@grpc/grpc-js' },
  },
];
for (const [room, allowed] of Object.entries(rooms)) {
  const own = [room, ...allowed].join('|');
  forbidden.push({
    name: `${room}-imports`,
    severity: 'error',
    from: { path: `^src/${room}/`, pathNot: '\\.test\\.ts$' },
    to: { path: '^src/', pathNot: `^src/(${own})/` },
  });
}

module.exports = {
  forbidden,
  options: {
    parser: 'swc',
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { extensions: ['.ts', '.js', '.mjs'], conditionNames: ['import', 'node', 'default'] },
  },
};
