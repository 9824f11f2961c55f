import type { ResourceType } from '../../runtime/resource.ts';
import { toYaml, type YamlValue } from '../yaml.ts';
import type { Layered } from './layer.ts';

/** Something that runs on a link and brings addresses: a DHCP client, or the share in a virtual address. */
export interface OperatorSpec extends Layered {
  readonly operator: 'dhcp4' | 'dhcp6' | 'vip';
  readonly link: string;
  /** Metric of the routes of a DHCPv4 lease (spec/network.md §5.4). */
  readonly routeMetric?: number;
  /** The shared address of a `vip`. */
  readonly ip?: string;
}

/** Wanted operators, `<operator>/<link>`: by layer in `network-config`, merged in `network`. */
export const OperatorSpecs: ResourceType<OperatorSpec> = {
  type: 'OperatorSpecs.net.talos.dev',
  display: 'network.OperatorSpec',
  defaultNamespace: 'network',
  aliases: ['operator', 'operators'],
  printColumns: [
    { name: 'Operator', jsonPath: '{.operator}' },
    { name: 'Link', jsonPath: '{.link}' },
    { name: 'Layer', jsonPath: '{.layer}' },
  ],
  toYaml: ({ operator, link, routeMetric, ip, layer, path }) =>
    toYaml(
      new Map<string, YamlValue>([
        ['operator', operator],
        ['link', link],
        ...(routeMetric === undefined ? [] : [['routeMetric', routeMetric] as const]),
        ...(ip === undefined ? [] : [['ip', ip] as const]),
        ['layer', layer],
        ['path', path],
      ]),
    ),
};

/** Id of an operator: `dhcp4/eth0`. */
export function operatorId({ operator, link }: Pick<OperatorSpec, 'operator' | 'link'>): string {
  return `${operator}/${link}`;
}
