import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { decodeConfig } from '../config/decode.ts';
import { runCli } from './main.ts';

const folder = await mkdtemp(join(tmpdir(), 'talosd-cli-'));
afterAll(() => rm(folder, { recursive: true }));

async function run(...argv: string[]) {
  let [stdout, stderr] = ['', ''];
  const code = await runCli(argv, {
    stdout: { write: text => (stdout += text) },
    stderr: { write: text => (stderr += text) },
    cwd: folder,
    env: { TAG: 'v9.9.9' },
  });
  return { code, stdout, stderr };
}
/** A config that was written, as a node reads it. */
async function generated(name: string) {
  return decodeConfig(await readFile(join(folder, name)), { file: name, unknownKeys: 'refuse' }).config;
}
const failed = (text: string) => ({ code: 1, stdout: '', stderr: `${text}\n` });

test('gen config writes secret files that validate', async () => {
  expect(
    await run('gen', 'config', '007', 'https://1.2.3.4:6443', '-o', 'out', '-p=false', '--additional-sans', '1.10,b'),
  ).toEqual({
    code: 0,
    stdout:
      'generating PKI and tokens\ncreated out/init.yaml\ncreated out/controlplane.yaml\ncreated out/join.yaml\ncreated out/talosconfig\n',
    stderr: '',
  });
  for (const name of ['init.yaml', 'controlplane.yaml', 'join.yaml', 'talosconfig'])
    expect((await stat(join(folder, 'out', name))).mode & 0o777).toBe(0o600);
  const init = await readFile(join(folder, 'out/init.yaml'), 'utf8');
  expect(init).toMatch(/^persist: false/m);
  expect(init).toMatch(/clusterName: "007"/);
  expect(init).toMatch(/- 1\.2\.3\.4\n +- "1\.10"\n +- b\n/);
  expect(await run('validate', '-c', 'out/join.yaml', '--mode=cloud')).toEqual({
    code: 0,
    stdout: 'out/join.yaml is valid for cloud mode\n',
    stderr: '',
  });
});

test('the same secrets make the same cluster', async () => {
  await run('gen', 'secrets', '-o', 's.yaml');
  expect((await run('gen', 'config', 'c', 'https://h:1', '-o', 'a', '--with-secrets', 's.yaml')).stdout).not.toContain(
    'PKI',
  );
  await run('gen', 'config', 'c', 'https://h:1', '-o', 'b', '--with-secrets', 's.yaml');
  const [a, b] = await Promise.all(['a', 'b'].map(name => readFile(join(folder, name, 'init.yaml'), 'utf8')));
  expect(a).toBe(b);
  await run('gen', 'secrets', '-o', 't.yaml', '--from-config', 'a/init.yaml');
  expect(await readFile(join(folder, 't.yaml'), 'utf8')).toBe(await readFile(join(folder, 's.yaml'), 'utf8'));
});

test.each([
  [['gen', 'config', 'a'], 'accepts 2 arg(s), received 1'],
  [
    ['gen', 'config', 'a', '10.0.0.1'],
    'no scheme and port specified for the cluster endpoint URL\ntry: "https://10.0.0.1:6443"',
  ],
  [['gen', 'config', 'a', 'https://h', '--talos-version', '0.8'], 'invalid talos-version: error parsing version "0.8"'],
  [['gen', 'config', 'a', 'https://h', '--registry-mirror', 'x'], 'invalid registry mirror spec: "x"'],
  [['gen', 'config', 'a', 'https://h', '--config-patch', 'x'], 'unknown flag: --config-patch'],
  [
    ['gen', 'config', 'a', 'https://h', '--persist=perhaps'],
    'invalid argument "perhaps" for "--persist": true or false expected',
  ],
  [['validate', '-m', 'metal'], 'open : no such file or directory'],
  [['validate', '-c', 'x'], 'required flag(s) "mode" not set'],
  [['validate', '-mmetal', '-c=x'], 'open x: no such file or directory'],
  [['gen', 'config', 'a', 'https://h', '-o', '/proc/x'], 'mkdir /proc/x: no such file or directory'],
  [['validate', '-m'], 'flag needs an argument: --mode'],
  [['frob'], 'unknown command "frob" for "talosd" (see talosd --help)'],
  [['--version'], 'unknown flag: --version'],
  [['gen', '--hours=1', 'ca'], 'unknown flag: --hours'],
  [['gen', 'constructor'], 'unknown command "constructor" for "talosd gen" (see talosd gen --help)'],
])('%j fails with its reason', async (argv, text) => {
  expect(await run(...argv)).toEqual(failed(text));
});

test('images are those of the release, one a line', async () => {
  const { code, stdout } = await run('images');
  expect([code, stdout.replace(/-arm64$/m, '')]).toEqual([
    0,
    `quay.io/coreos/flannel:v0.13.0
ghcr.io/talos-systems/install-cni:v0.2.0-1-g0db3328
docker.io/coredns/coredns:1.8.0
gcr.io/etcd-development/etcd:v3.4.15
k8s.gcr.io/kube-apiserver:v1.20.6
k8s.gcr.io/kube-controller-manager:v1.20.6
k8s.gcr.io/kube-scheduler:v1.20.6
k8s.gcr.io/kube-proxy:v1.20.6
ghcr.io/talos-systems/kubelet:v1.20.6
ghcr.io/talos-systems/installer:v0.9.3
k8s.gcr.io/pause:3.2
`,
  ]);
});

test('every flag of gen config ends in the files', async () => {
  const flags = [
    ['--dns-domain', 'c.local'],
    ['--install-disk', '/dev/vda'],
    ['--kubernetes-version', 'v1.20.1'],
    ['--registry-mirror', 'docker.io=http://a,k8s.gcr.io=http://b'],
    ['--registry-mirror', 'docker.io=http://c?d=e'],
  ].flat();
  expect((await run('gen', 'config', 'c', 'https://h', '-o', 'flags', ...flags)).code).toBe(0);
  const { machine, cluster } = await generated('flags/join.yaml');
  expect([machine?.kubelet, machine?.registries, machine?.install, cluster?.network?.dnsDomain]).toEqual([
    { image: 'ghcr.io/talos-systems/kubelet:v1.20.1' },
    { mirrors: { 'docker.io': { endpoints: ['http://c?d=e'] }, 'k8s.gcr.io': { endpoints: ['http://b'] } } },
    { disk: '/dev/vda', image: 'ghcr.io/talos-systems/installer:v9.9.9', bootloader: true, wipe: false },
    'c.local',
  ]);
  const { cluster: control } = await generated('flags/controlplane.yaml');
  expect(
    [control?.apiServer, control?.controllerManager, control?.proxy, control?.scheduler].map(part => part?.image),
  ).toEqual(['apiserver', 'controller-manager', 'proxy', 'scheduler'].map(name => `k8s.gcr.io/kube-${name}:v1.20.1`));
});

test('secrets for v0.8 are RSA and lack what it does not know', async () => {
  expect(await run('gen', 'secrets', '-o', 'old.yaml', '--talos-version', 'v0.8.3')).toMatchObject({ code: 0 });
  await run('gen', 'config', 'c', 'https://h', '-o', 'old', '--with-secrets', 'old.yaml');
  const { machine, cluster } = await generated('old/init.yaml');
  const kind = (key: Uint8Array | undefined) => /BEGIN (\w+)/.exec(Buffer.from(key ?? []).toString())?.[1];
  expect([machine?.ca?.key, cluster?.ca?.key, cluster?.etcd?.ca?.key].map(kind)).toEqual(['ED25519', 'RSA', 'RSA']);
  expect([cluster?.aggregatorCA, cluster?.serviceAccount]).toEqual([undefined, undefined]);
}, 60_000);

test('another config version does nothing', async () => {
  expect(await run('gen', 'config', 'a', 'https://h', '--version', 'v0.9')).toEqual({
    code: 0,
    stdout: '',
    stderr: '',
  });
});

test('validate lists what is wrong, notes apart', async () => {
  await writeFile(
    join(folder, 'bad.yaml'),
    'machine: {type: worker, install: {}}\ncluster: {controlPlane: {endpoint: "https://h"}, network: {dnsDomain: a}}\n',
  );
  expect(await run('validate', '-c', 'bad.yaml', '-m', 'metal')).toEqual({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(
      /^2 errors occurred:\n\t\* an install disk is required in "metal" mode.*\n\t\* specified install disk does not exist: "".*\n\n\n$/,
    ),
  });
  // only "no such file" says that a disk is missing
  await writeFile(
    join(folder, 'disk.yaml'),
    'machine: {install: {disk: /dev/null/x}}\ncluster: {controlPlane: {endpoint: "https://h"}}\n',
  );
  expect((await run('validate', '-c', 'disk.yaml', '-m', 'metal')).code).toBe(0);
  await writeFile(
    join(folder, 'nodisk.yaml'),
    'machine: {install: {disk: none/here}}\ncluster: {controlPlane: {endpoint: "https://h"}}\n',
  );
  expect((await run('validate', '-c', 'nodisk.yaml', '-m', 'metal')).stderr).toContain(
    'specified install disk does not exist: "none/here"',
  );
  expect(await run('validate', '-c', 'bad.yaml', '-m', 'Metal')).toEqual(failed('unknown runtime mode: "Metal"'));
});

test('keys, requests and certificates come as secret files that fit together', async () => {
  const ok = { code: 0, stdout: '', stderr: '' };
  expect(await run('gen', 'ca', '--organization', 'org')).toEqual(ok);
  expect(await run('gen', 'key', '--name', 'n')).toEqual(ok);
  expect(await run('gen', 'csr', '--key', 'n.key', '--ip', '10.0.0.1')).toEqual(ok);
  expect(await run('gen', 'crt', '--ca', 'org', '--csr', 'n.csr', '--name', 'n', '--hours', '2')).toEqual(ok);
  expect(await run('gen', 'keypair', '--organization', 'pair', '--ip', '10.0.0.2')).toEqual(ok);
  const [ca, leaf] = await Promise.all(
    ['org.crt', 'n.crt'].map(async name => new X509Certificate(await readFile(join(folder, name)))),
  );
  expect([leaf!.checkIssued(ca!), leaf!.subjectAltName]).toEqual([true, 'IP Address:10.0.0.1']);
  for (const name of ['org.crt', 'org.key', 'org.sha256', 'n.key', 'n.csr', 'n.crt', 'pair.crt', 'pair.key'])
    expect((await stat(join(folder, name))).mode & 0o777).toBe(0o600);
  expect(await run('gen', 'csr', '--key', 'n.key', '--ip', 'x')).toEqual(failed('invalid IP: x'));
  expect(await run('gen', 'ca')).toEqual(failed('required flag(s) "organization" not set'));
});

test('every command has a help', async () => {
  for (const argv of [
    [],
    ['gen'],
    ['gen', 'config'],
    ['gen', 'secrets'],
    ['gen', 'ca'],
    ['gen', 'crt'],
    ['validate'],
    ['images'],
  ]) {
    const { code, stdout } = await run(...argv, '--help');
    expect([code, stdout]).toEqual([0, expect.stringContaining(`\nUsage:\n  ${['talosd', ...argv].join(' ')}`)]);
  }
  expect(await run('gen', 'help', 'ca')).toEqual(await run('gen', 'ca', '--help'));
  expect(await run('help', 'gen')).toEqual(await run('gen', '--help'));
});
