import { errorMessage } from '../lib/errors.ts';
import { CertificateAuthority } from '../pki/ca.ts';
import { parseCertificate } from '../pki/certificate.ts';
import { isControlPlane } from './machine-type.ts';
import type { MachineConfig } from './schema/config.ts';

/** What is wrong with `machine.ca`, and where. */
export interface AuthorityProblem {
  readonly path: string;
  readonly message: string;
}

/**
 * Why a node could not serve its API with the authority of this config; undefined where it could. It is no rule of
 * machine-config.md §5, so `validate` notes it, but a running node is not given such a config: nobody could reach it to
 * take it back.
 */
export function authorityProblem(config: MachineConfig): AuthorityProblem | undefined {
  const { crt, key } = config.machine?.ca ?? {};
  const [hasCrt, hasKey] = [crt, key].map(bytes => bytes !== undefined && bytes.length > 0);
  const problem = (path: string, why: string) => ({
    path,
    message: `the node could not serve its API with this authority: ${why}`,
  });
  if (!hasCrt) return hasKey ? problem('machine.ca.crt', 'the certificate is missing') : undefined;
  try {
    parseCertificate(Buffer.from(crt!));
  } catch (error) {
    return problem('machine.ca.crt', errorMessage(error));
  }
  try {
    if (hasKey) new CertificateAuthority({ crt: Buffer.from(crt!), key: Buffer.from(key!) });
    return undefined;
  } catch (error) {
    return problem('machine.ca.key', errorMessage(error));
  }
}

/**
 * Why a control plane node that signs its own certificates cannot go on with `next`: it would have nothing to sign with.
 */
export function authorityLoss(current: MachineConfig, next: MachineConfig): string | undefined {
  const canSign = ({ machine }: MachineConfig) => Boolean(machine?.ca?.crt?.length && machine.ca.key?.length);
  if (!isControlPlane(next) || !canSign(current) || canSign(next)) return undefined;
  return 'this config has no certificate and key in machine.ca, which control plane nodes need: the API would not come up again';
}
