/**
 * Who wants something of the network, from the weakest: built-in default, platform metadata, kernel command line, a DHCP
 * lease, the machine config. Each resource type says how its layers are merged.
 */
export type Layer = 'default' | 'platform' | 'cmdline' | 'dhcp' | 'config';

/** Who made something that is there: a layer, the kernel itself, or somebody else. */
export type Origin = Layer | 'kernel' | 'foreign';

/** Says of each wanted thing where it comes from. */
export interface Layered {
  readonly layer: Layer;
  /** Path into the machine config, or another name of the place; empty where the layer says it all. */
  readonly path: string;
}

const ORDER: readonly Layer[] = ['default', 'platform', 'cmdline', 'dhcp', 'config'];

export const STRONGEST_FIRST: readonly Layer[] = ORDER.toReversed();

/** Higher wins. */
export function layerRank(layer: Layer): number {
  return ORDER.indexOf(layer);
}

/** Namespace of what each layer wants; what results from all layers, and what is there, lies in `network`. */
export const LAYERS_NAMESPACE = 'network-config';

/** Id of a layered spec: `config/eth0`. */
export function layeredId(layer: Layer, id: string): string {
  return `${layer}/${id}`;
}
