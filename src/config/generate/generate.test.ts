import { X509Certificate } from 'node:crypto';
import { expect, test } from 'vitest';
import { decodeConfig } from '../decode.ts';
import type { MachineConfig } from '../schema/config.ts';
import { parseTalosconfig } from '../talosconfig.ts';
import { parseSecrets, renderSecrets } from './bundle-file.ts';
import { generateConfig } from './configs.ts';
import { type GenerateRequest, generateFromRequest } from './request.ts';
import { generateSecrets, secretsFromConfig } from './secrets.ts';
import { generateTalosconfig } from './talosconfig.ts';

const NOW = Date.UTC(2026, 0, 1);
const secrets = await generateSecrets({ now: NOW });
const noKey = new Uint8Array();

test('workers get the CA of the node API without its key and nothing of the control plane', () => {
  const input = {
    clusterName: 'c1',
    endpoint: 'https://[fd00::1]:6443',
    secrets,
    dnsDomain: 'cluster.local',
    installDisk: '/dev/sda',
    installImage: 'img',
    additionalSans: ['a.b'],
  };
  const shared = {
    kubelet: {},
    network: {},
    install: { disk: '/dev/sda', image: 'img', bootloader: true, wipe: false },
    token: secrets.trustdToken,
  };
  const network = { dnsDomain: 'cluster.local', podSubnets: ['10.244.0.0/16'], serviceSubnets: ['10.96.0.0/12'] };
  expect(generateConfig('worker', input)).toEqual({
    version: 'v1alpha1',
    debug: false,
    persist: true,
    machine: { type: 'worker', ...shared, ca: { crt: secrets.os.crt, key: noKey } },
    cluster: {
      controlPlane: { endpoint: input.endpoint },
      network,
      token: secrets.bootstrapToken,
      ca: { crt: secrets.kubernetes.crt, key: noKey },
    },
  });
  expect(generateConfig('controlplane', input)).toEqual({
    version: 'v1alpha1',
    debug: false,
    persist: true,
    machine: { type: 'controlplane', ...shared, ca: secrets.os },
    cluster: {
      controlPlane: { endpoint: input.endpoint },
      clusterName: 'c1',
      network,
      token: secrets.bootstrapToken,
      aescbcEncryptionSecret: secrets.aescbcEncryptionSecret,
      ca: secrets.kubernetes,
      aggregatorCA: secrets.aggregator,
      serviceAccount: { key: secrets.serviceAccountKey },
      apiServer: { certSANs: ['fd00::1', 'a.b'] },
      controllerManager: {},
      proxy: {},
      scheduler: {},
      etcd: { ca: secrets.etcd },
    },
  });
});

test('the secrets come back from their file and from a config', () => {
  expect(parseSecrets(renderSecrets(secrets))).toEqual(secrets);
  expect(secretsFromConfig(generateConfig('init', { clusterName: 'c', endpoint: 'https://h', secrets }))).toEqual(
    secrets,
  );
  expect(() => parseSecrets('certs: {os: {crt: Y3J0}}')).toThrow(
    'secrets file: certs.os.key: found nothing, expected a text',
  );
  expect(() => secretsFromConfig({ machine: { ca: { crt: secrets.os.crt } } })).toThrow(
    'the config has no certificate and key in machine.ca',
  );
});

test('the admin certificate is a leaf of the OS CA for ten years', async () => {
  const { contexts } = await generateTalosconfig('c1', ['127.0.0.1'], secrets, NOW);
  const leaf = new X509Certificate(Buffer.from(contexts.get('c1')!.crt));
  expect([leaf.subjectAltName, leaf.checkIssued(new X509Certificate(secrets.os.crt)), leaf.ca]).toEqual([
    'IP Address:127.0.0.1',
    true,
    false,
  ]);
  expect(leaf.validToDate.getTime() - NOW).toBe(87_600 * 3_600_000);
});

const request: GenerateRequest = {
  configVersion: 'v1alpha1',
  clusterConfig: {
    name: 'c1',
    controlPlane: { endpoint: 'http://localhost' },
    clusterNetwork: { dnsDomain: 'c.local', cniConfig: { name: 'custom', urls: ['https://x/y'] } },
    allowSchedulingOnMasters: true,
  },
  machineConfig: {
    type: 2,
    installConfig: { installDisk: '/dev/vda', installImage: '' },
    networkConfig: {
      hostname: 'n1',
      interfaces: [
        {
          interface: 'eth0',
          cidr: '10.0.0.2/24',
          mtu: 9000,
          dhcp: false,
          ignore: false,
          dhcpOptions: { routeMetric: 7 },
          routes: [{ network: '0.0.0.0/0', gateway: '10.0.0.1', metric: 5 }],
        },
      ],
    },
    kubernetesVersion: '1.20.5',
  },
};
const context = { now: NOW, isMaintenance: false, secrets: async () => secrets };

test('a request over the API gives one config and its talosconfig, routes copied', async () => {
  const { config: text, talosconfig } = await generateFromRequest(request, context);
  const { config } = decodeConfig(Buffer.from(text), { file: 'x', unknownKeys: 'refuse' });
  const { machine, cluster } = config as Required<MachineConfig>;
  expect(machine.network).toEqual({
    hostname: 'n1',
    interfaces: [
      {
        interface: 'eth0',
        cidr: '10.0.0.2/24',
        mtu: 9000,
        routes: [{ network: '0.0.0.0/0', gateway: '10.0.0.1', metric: 5 }],
        dhcpOptions: { routeMetric: 7 },
      },
    ],
  });
  expect([machine.type, machine.kubelet, machine.install]).toEqual([
    'controlplane',
    { image: 'ghcr.io/talos-systems/kubelet:v1.20.5' },
    { disk: '/dev/vda', bootloader: true, wipe: false },
  ]);
  expect([cluster.network?.dnsDomain, cluster.network?.cni, cluster.allowSchedulingOnMasters]).toEqual([
    'c.local',
    { name: 'custom', urls: ['https://x/y'] },
    true,
  ]);
  expect(parseTalosconfig(talosconfig).contexts.get('c1')?.endpoints).toEqual(['localhost']);
});

test.each([
  [{ ...request, machineConfig: undefined }, false, 'invalid generate request'],
  [
    { ...request, clusterConfig: { ...request.clusterConfig!, controlPlane: undefined } },
    false,
    'invalid generate request',
  ],
  [{ ...request, configVersion: 'v2' }, false, 'unsupported config version v2'],
  [
    { ...request, machineConfig: { ...request.machineConfig!, type: 0 } },
    false,
    'failed to determine config type to generate',
  ],
  [
    { ...request, machineConfig: { ...request.machineConfig!, type: 3 } },
    true,
    'join config cannot be generated in the maintenance mode',
  ],
])('requests that make no sense are refused: %#', async (bad, isMaintenance, message) => {
  await expect(generateFromRequest(bad, { ...context, isMaintenance })).rejects.toThrow(message);
});
