import { describe, expect, test } from 'vitest';
import { displayText, type ResourceType } from '../runtime/resource.ts';
import { Store } from '../runtime/store.ts';
import { controlPlanePart } from './config/kubernetes_control_plane_config.ts';
import { MachineConfigs } from './config/machine_config.ts';
import { MachineTypes } from './config/machine_type.ts';
import { Manifests } from './controlplane/manifest.ts';
import { StaticPodStatuses } from './controlplane/static_pod_status.ts';
import { ResourceDefinitions } from './meta/resource_definition.ts';
import { addType, registerAll } from './register.ts';
import { KubernetesSecrets } from './secrets/kubernetes_secret.ts';
import { EtcdRoot, KubernetesRoot } from './secrets/root_secret.ts';

const own = (type: string, aliases: string[] = []): ResourceType<string> => ({
  type,
  display: 'own',
  defaultNamespace: 'runtime',
  aliases,
  toYaml: () => '',
});

describe('definitions', () => {
  test('the table of the contract', () => {
    const store = new Store();
    registerAll(store);
    const contract = store.list(ResourceDefinitions).filter(({ spec }) => !spec.type.endsWith('.net.talos.dev'));
    const rows = contract.map(({ metadata, spec }) => {
      const plural = spec.type.split('.')[0]!.toLowerCase();
      const derived = [plural, spec.displayType.toLowerCase()];
      const suffix = spec.type.split('.').slice(1);
      derived.push(`${plural}.${suffix[0]}`, `${plural}.${suffix[0]}.${suffix[1]}`);
      expect(metadata.id).toBe(spec.type.toLowerCase());
      expect(spec.aliases.filter(alias => derived.includes(alias))).toEqual(derived);
      const others = spec.aliases.filter(alias => !derived.includes(alias)).join(' ');
      const columns = spec.printColumns.map(({ name, jsonPath }) => `${name}=${jsonPath}`).join(' ');
      return [spec.type, spec.displayType, spec.defaultNamespace, others, columns].join(' | ');
    });
    expect(rows).toEqual([
      'BootstrapStatuses.v1alpha1.talos.dev | BootstrapStatus | runtime | bootstrapStatus bs | Self Hosted={.selfHostedControlPlane}',
      'EtcdSecrets.secrets.talos.dev | EtcdSecret | secrets | es | ',
      'KubernetesControlPlaneConfigs.config.talos.dev | KubernetesControlPlaneConfig | config | kcpc kcpcs | ',
      'KubernetesSecrets.secrets.talos.dev | KubernetesSecret | secrets | ks | ',
      'MachineConfigs.config.talos.dev | MachineConfig | config | mc mcs | ',
      'MachineTypes.config.talos.dev | MachineType | config | mt mts | Type={@}',
      'Manifests.kubernetes.talos.dev | Manifest | controlplane |  | ',
      'ManifestStatuses.kubernetes.talos.dev | ManifestStatus | controlplane | ms | ',
      'Namespaces.meta.cosi.dev | Namespace | meta | ns | ',
      'ResourceDefinitions.meta.cosi.dev | ResourceDefinition | meta | rd rds | ',
      'RootSecrets.secrets.talos.dev | RootSecret | secrets | rootSecret rootSecrets rs | ',
      'SecretStatuses.kubernetes.talos.dev | SecretStatus | controlplane | ss | Ready={.ready} Secrets Version={.version}',
      'Services.v1alpha1.talos.dev | Service | runtime | svc | Running={.running} Healthy={.healthy}',
      'StaticPods.kubernetes.talos.dev | StaticPod | controlplane | sp sps | ',
      'StaticPodStatuses.kubernetes.talos.dev | StaticPodStatus | controlplane | podstatus sps | Ready={.conditions[?(@.type=="Ready")].status}',
      'TimeStatuses.v1alpha1.talos.dev | TimeStatus | runtime | ts | Synced={.synced}',
    ]);
  });

  test('what a person asks for of the network is what is there', () => {
    const registry = registerAll(new Store());
    const names = ['links', 'Address', 'addresses', 'routes', 'resolvers', 'hostnames', 'timeservers', 'operators'];
    expect(names.map(name => registry.resolve(name).type.replace('.net.talos.dev', ''))).toEqual([
      'LinkStatuses',
      'AddressStatuses',
      'AddressStatuses',
      'RouteStatuses',
      'ResolverStatuses',
      'HostnameStatuses',
      'TimeServerStatuses',
      'OperatorSpecs',
    ]);
  });

  test('names resolve in any case; sps is ambiguous; a type of ours leaves taken short aliases alone', () => {
    const store = new Store();
    const registry = registerAll(store);
    const resolve = (name: string) => {
      try {
        return registry.resolve(name).type;
      } catch (error) {
        return `${(error as { code?: string }).code}: ${(error as Error).message}`;
      }
    };
    addType(store, registry, own('TrunkStatuses.net.talos.dev', ['trunk']));
    addType(store, registry, own('LinkLayers.net.talos.dev'));
    expect(
      ['SVC', 'rootsecret', 'staticpods.Kubernetes', 'ts', 'Trunk', 'll', 'lls', 'sps', 'nope', ''].map(resolve),
    ).toEqual([
      'Services.v1alpha1.talos.dev',
      'RootSecrets.secrets.talos.dev',
      'StaticPods.kubernetes.talos.dev',
      'TimeStatuses.v1alpha1.talos.dev',
      'TrunkStatuses.net.talos.dev',
      'LinkLayers.net.talos.dev',
      'LinkLayers.net.talos.dev',
      'invalid_argument: resource type "sps" is ambiguous: [staticpods.kubernetes.talos.dev staticpodstatuses.kubernetes.talos.dev]',
      'not_found: resource "nope" is not registered',
      'not_found: resource "" is not registered',
    ]);
    expect(() => registry.register(own('Services.other.dev'))).toThrow(
      `resource type "Services.other.dev" can't be registered: services, service taken`,
    );
  });

  test('bad names are refused', () => {
    const registry = registerAll(new Store());
    const problem = (type: string) => {
      try {
        return registry.register(own(type)).displayType;
      } catch (error) {
        return (error as Error).message;
      }
    };
    const names = [
      'Things',
      '.a',
      'Things.',
      'things.a',
      'Th_ings.aa',
      'Things.A',
      'Thing.aa',
      'Policies.aa',
      'Hashes.aa',
    ];
    expect(names.map(problem)).toEqual([
      'error validating resource definition "Things": missing suffix',
      'error validating resource definition ".a": name is empty',
      'error validating resource definition "Things.": suffix is empty',
      'error validating resource definition "things.a": name should be in CamelCase',
      'error validating resource definition "Th_ings.aa": name doesn\'t match "^[A-Z][A-Za-z0-9-]+$"',
      'error validating resource definition "Things.A": suffix doesn\'t match "^[a-z][a-z0-9-]+(\\\\.[a-z][a-z0-9-]+)*$"',
      'error validating resource definition "Thing.aa": name should be plural',
      'Policy',
      'Hash',
    ]);
    expect(displayText(KubernetesSecrets, 'k8s-certs')).toBe('secrets.KuberneteSecrets("k8s-certs")');
  });
});

test('specs as the API shows them', () => {
  const store = new Store();
  const registry = registerAll(store);
  const yaml = <Spec>(type: ResourceType<Spec>, id: string, spec: Spec) =>
    Buffer.from(registry.yaml(store.put(type, id, spec))).toString();
  const pair = { crt: 'CRT', key: 'KEY' };

  expect(yaml(MachineTypes, 'machine-type', 'controlplane')).toBe('controlplane\n');
  const bytes = Buffer.from('# mine\nversion:   v1alpha1\n');
  expect(yaml(MachineConfigs, 'v1alpha1', { config: { version: 'v1alpha1' }, bytes })).toBe(bytes.toString());
  const apiServer = {
    extraVolumes: [{ readonly: true, name: 'a-b', hostPath: '/h', mountPath: '/a/b' }],
    extraArgs: { v: '2', b: 'yes' },
    image: 'k8s.gcr.io/kube-apiserver:v1.20.6',
    cloudProvider: '',
    controlPlaneEndpoint: 'https://10.5.0.2:6443',
    etcdServers: ['https://127.0.0.1:2379'],
    localPort: 6443,
    serviceCIDR: '10.96.0.0/12',
  };
  expect(
    yaml(controlPlanePart('kube-apiserver'), 'kube-apiserver', apiServer),
  ).toBe(`image: k8s.gcr.io/kube-apiserver:v1.20.6
cloudProvider: ""
controlPlaneEndpoint: https://10.5.0.2:6443
etcdServers:
    - https://127.0.0.1:2379
localPort: 6443
serviceCIDR: 10.96.0.0/12
extraArgs:
    b: "yes"
    v: "2"
extraVolumes:
    - name: a-b
      hostPath: /h
      mountPath: /a/b
      readonly: true
`);
  expect(
    yaml(controlPlanePart('extra-manifests'), 'extra-manifests', {
      extraManifests: [{ url: 'https://x/y', priority: '05', extraHeaders: {} }],
    }),
  ).toBe('extraManifests:\n    - url: https://x/y\n      priority: "05"\n      extraHeaders: {}\n');
  expect(yaml(EtcdRoot, 'etcd', { etcdCA: pair })).toBe('etcdCA:\n    crt: Q1JU\n    key: S0VZ\n');
  const root = {
    name: 'talos-default',
    endpoint: 'https://10.5.0.2:443',
    certSANs: [],
    apiServerIPs: ['10.96.0.1'],
    dnsDomain: 'cluster.local',
    ca: null,
    serviceAccount: { key: 'KEY' },
    aggregatorCA: pair,
    aesCBCEncryptionSecret: 'c2VjcmV0',
    bootstrapTokenID: '012345',
    bootstrapTokenSecret: 'la4smr0cc2ppbw50',
  };
  expect(yaml(KubernetesRoot, 'k8s', root)).toBe(`name: talos-default
endpoint:
    scheme: https
    opaque: ""
    user: null
    host: 10.5.0.2:443
    path: ""
    rawpath: ""
    forcequery: false
    rawquery: ""
    fragment: ""
    rawfragment: ""
certSANs: []
apiServerIPs:
    - 10.96.0.1
dnsDomain: cluster.local
ca: null
serviceAccount:
    key: S0VZ
aggregatorCA:
    crt: Q1JU
    key: S0VZ
aesCBCEncryptionSecret: c2VjcmV0
bootstrapTokenID: "012345"
bootstrapTokenSecret: la4smr0cc2ppbw50
`);
  expect(yaml(Manifests, '00-x', [{ kind: 'Secret', apiVersion: 'v1' }])).toBe('- apiVersion: v1\n  kind: Secret\n');
  expect(yaml(StaticPodStatuses, 'kube-system/x', { phase: 'Running' })).toBe('conditions: []\nphase: Running\n');
});
