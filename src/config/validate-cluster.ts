import { parseIp } from '../lib/ip.ts';
import { dnsDomain } from './defaults.ts';
import { endpointProblem } from './endpoint.ts';
import type { Findings } from './findings.ts';
import { machineType } from './machine-type.ts';
import type { MachineConfig } from './schema/config.ts';

/** Rules 3 and 4, then those of the install section, then 8 and 9: the order of machine-config.md §5. */
export function checkCluster(config: MachineConfig, findings: Findings, checkInstall: () => void): void {
  if (config.cluster) checkEndpoint(config.cluster.controlPlane?.endpoint, findings);
  checkInstall();
  const cni = config.cluster?.network?.cni;
  if (machineType(config) !== 'init' || !cni) return;
  const path = 'cluster.network.cni';
  if (cni.name === 'custom') {
    if (cni.urls?.length) return;
    findings.problem(`${path}.urls`, 'at least one url should be specified if using "custom" option for CNI');
  } else if (cni.name !== 'flannel') {
    findings.problem(`${path}.name`, 'cni name should be one of [custom,flannel]');
  }
}

function checkEndpoint(endpoint: string | undefined, findings: Findings): void {
  const path = 'cluster.controlPlane.endpoint';
  if (endpoint === undefined) {
    findings.problem(path, 'cluster controlplane endpoint is required');
    return;
  }
  const why = endpointProblem(endpoint);
  if (why !== undefined) findings.problem(path, `invalid controlplane endpoint: ${why}`);
}

/** Rule 17. */
export function checkDnsDomain(config: MachineConfig, findings: Findings): void {
  if (!config.cluster) return;
  const domain = dnsDomain(config);
  if (isDnsName(domain)) return;
  findings.problem('cluster.network.dnsDomain', `${JSON.stringify(domain)} is not a valid DNS name`);
}

/** Whether a text is a DNS name as rule 17 of machine-config.md §5 has it: underscores and a closing dot are fine. */
export function isDnsName(text: string): boolean {
  const letters = text.replaceAll('.', '').length;
  if (letters > 255 || parseIp(text)) return false;
  return /^[A-Za-z0-9_][A-Za-z0-9_-]{0,62}(?:\.[A-Za-z0-9_][A-Za-z0-9_-]{0,62})*[._]?$/.test(text);
}
