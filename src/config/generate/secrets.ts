import { TalosdError } from '../../lib/errors.ts';
import { CA_LIFETIME_HOURS, CertificateAuthority, createCa, validFor } from '../../pki/ca.ts';
import { encodePrivateKey, generateKey, type KeyAlgorithm } from '../../pki/keys.ts';
import { EMPTY_ORGANIZATION, type Name } from '../../pki/name.ts';
import type { PemPair } from '../../pki/pem.ts';
import { generateAescbcSecret, generateToken } from '../../pki/secrets.ts';
import type { MachineConfig } from '../schema/config.ts';
import type { PemPair as ConfigPair } from '../schema/types.ts';

/** Everything secret that the configs of one cluster share (spec/machine-config.md §8.1). */
export interface SecretsBundle {
  /** The CA of the node API. */
  readonly os: PemPair;
  readonly kubernetes: PemPair;
  readonly etcd: PemPair;
  /** Absent in the format of v0.8 and before, like the service account key (§8.2). */
  readonly aggregator?: PemPair;
  /** PEM of the key that signs service account tokens. */
  readonly serviceAccountKey?: Buffer;
  /** What nodes show to trustd. */
  readonly trustdToken: string;
  /** What kubelets join with. */
  readonly bootstrapToken: string;
  readonly aescbcEncryptionSecret: string;
}

export interface GenerateSecretsOptions {
  /** When the certificates begin, milliseconds since the Unix epoch. */
  now: number;
  /** `0.8`: RSA for Kubernetes and etcd, no aggregator CA, no service account key (§8.2). */
  format?: '0.8' | '0.9';
}

/** New secrets for a cluster. */
export async function generateSecrets({ now, format = '0.9' }: GenerateSecretsOptions): Promise<SecretsBundle> {
  const isOld = format === '0.8';
  const ca = (subject: Name, algorithm: KeyAlgorithm) =>
    createCa({ subject, algorithm, validity: validFor(now, CA_LIFETIME_HOURS) });
  const clusterKey = isOld ? 'rsa' : 'ecdsa';
  const [os, kubernetes, etcd, aggregator, serviceAccountKey] = await Promise.all([
    ca({ organizations: ['talos'] }, 'ed25519'),
    ca({ organizations: ['kubernetes'] }, clusterKey),
    ca({ organizations: ['etcd'] }, clusterKey),
    isOld ? undefined : ca(EMPTY_ORGANIZATION, 'ecdsa'),
    isOld ? undefined : generateKey('ecdsa'),
  ]);
  return {
    os,
    kubernetes,
    etcd,
    aggregator,
    serviceAccountKey: serviceAccountKey && Buffer.from(encodePrivateKey(serviceAccountKey)),
    trustdToken: generateToken(),
    bootstrapToken: generateToken(),
    aescbcEncryptionSecret: generateAescbcSecret(),
  };
}

/** The secrets that a control plane node's config holds. Missing ones are an error that names them. */
export function secretsFromConfig(config: MachineConfig): SecretsBundle {
  const { machine = {}, cluster = {} } = config;
  const serviceAccountKey = cluster.serviceAccount?.key;
  return {
    os: pair(machine.ca, 'machine.ca'),
    kubernetes: pair(cluster.ca, 'cluster.ca'),
    etcd: pair(cluster.etcd?.ca, 'cluster.etcd.ca'),
    aggregator: cluster.aggregatorCA && pair(cluster.aggregatorCA, 'cluster.aggregatorCA'),
    serviceAccountKey: serviceAccountKey?.length ? Buffer.from(serviceAccountKey) : undefined,
    trustdToken: text(machine.token, 'machine.token'),
    bootstrapToken: text(cluster.token, 'cluster.token'),
    aescbcEncryptionSecret: text(cluster.aescbcEncryptionSecret, 'cluster.aescbcEncryptionSecret'),
  };
}

/** A client certificate for the node API, as a talosconfig carries it (§8.1). */
export async function issueAdminCertificate(os: PemPair, now: number): Promise<PemPair> {
  return new CertificateAuthority(os).issue({
    subject: EMPTY_ORGANIZATION,
    dnsNames: [],
    ips: ['127.0.0.1'],
    validity: validFor(now, CA_LIFETIME_HOURS),
  });
}

function pair(value: ConfigPair | undefined, path: string): PemPair {
  if (!value?.crt?.length || !value.key?.length)
    throw new TalosdError('failed_precondition', `the config has no certificate and key in ${path}`);
  return { crt: Buffer.from(value.crt), key: Buffer.from(value.key) };
}

function text(value: string | undefined, path: string): string {
  if (!value) throw new TalosdError('failed_precondition', `the config has no ${path}`);
  return value;
}
