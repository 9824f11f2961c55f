import { randomInt } from 'node:crypto';
import { encodeConfig } from '../../src/config/encode.ts';
import { generateConfig } from '../../src/config/generate/configs.ts';
import { generateSecrets, issueAdminCertificate } from '../../src/config/generate/secrets.ts';
import { CertificateAuthority, validFor } from '../../src/pki/ca.ts';
import { tlsPrivateKey } from '../../src/pki/keys.ts';
import type { PemPair } from '../../src/pki/pem.ts';

/** Who one is on a TLS connection: PEM texts, also those that a message between processes carries. */
export interface Identity {
  readonly ca: string;
  readonly crt: string;
  readonly key: string;
}

/** What the nodes and the client of one run share: an authority and a machine config made with it. */
export interface Cluster {
  readonly config: string;
  readonly admin: Identity;
  /** A leaf as trustd would sign it, for a server on these addresses. */
  identity(ips: readonly string[]): Promise<Identity>;
}

export async function createCluster(): Promise<Cluster> {
  const now = Date.now();
  const secrets = await generateSecrets({ now });
  const authority = new CertificateAuthority(secrets.os);
  const asIdentity = ({ crt, key }: PemPair): Identity => ({
    ca: secrets.os.crt.toString(),
    crt: crt.toString(),
    key: tlsPrivateKey(key),
  });
  return {
    config: encodeConfig(
      generateConfig('controlplane', {
        clusterName: 'bench',
        endpoint: 'https://127.0.0.1:6443',
        dnsDomain: 'cluster.local',
        secrets,
      }),
    ),
    admin: asIdentity(await issueAdminCertificate(secrets.os, now)),
    identity: async ips => {
      const subject = { organizations: ['bench'] };
      return asIdentity(await authority.issue({ subject, dnsNames: [], ips, validity: validFor(now, 24, 1) }));
    },
  };
}

/** A loopback address that nobody else uses. */
export function randomAddress(): string {
  return `127.${randomInt(1, 255)}.${randomInt(0, 255)}.${randomInt(2, 255)}`;
}
