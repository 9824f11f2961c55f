import type { ResourceType } from '../../runtime/resource.ts';
import { toYaml } from '../yaml.ts';
import type { Origin } from './layer.ts';

/** A link as the kernel has it. */
export interface LinkStatus {
  readonly index: number;
  /** The kernel's word, empty for hardware. */
  readonly kind: string;
  /** The kernel's word: `up`, `down`, `unknown`, … */
  readonly operationalState: string;
  readonly up: boolean;
  readonly carrier: boolean;
  readonly mtu: number;
  readonly hardwareAddress: string;
  /** Bond or bridge that the link is a member of. */
  readonly master: string;
  /** Link below. */
  readonly parent: string;
  readonly layer: Origin;
}

/** The links of this machine, by name. */
export const LinkStatuses: ResourceType<LinkStatus> = {
  type: 'LinkStatuses.net.talos.dev',
  display: 'network.LinkStatus',
  defaultNamespace: 'network',
  aliases: ['link', 'links'],
  printColumns: [
    { name: 'Kind', jsonPath: '{.kind}' },
    { name: 'State', jsonPath: '{.operationalState}' },
    { name: 'Up', jsonPath: '{.up}' },
    { name: 'MTU', jsonPath: '{.mtu}' },
    { name: 'MAC', jsonPath: '{.hardwareAddress}' },
    { name: 'Master', jsonPath: '{.master}' },
    { name: 'Layer', jsonPath: '{.layer}' },
  ],
  toYaml: spec => toYaml({ ...spec }),
};
