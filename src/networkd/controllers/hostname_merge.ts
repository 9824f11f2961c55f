import { HOSTNAME_ID, type HostnameSpec, HostnameSpecs } from '../../resources/network/hostname_spec.ts';
import { LAYERS_NAMESPACE } from '../../resources/network/layer.ts';
import { type Controller, input, output } from '../../runtime/controller.ts';
import { DEFAULT_NAME } from '../model/names.ts';

/** Chooses the name of this machine and the address beside it (spec/network.md §7.4). */
export function hostnameMergeController(): Controller {
  return {
    name: 'network.HostnameMergeController',
    inputs: [input(HostnameSpecs, { namespace: LAYERS_NAMESPACE })],
    outputs: [output(HostnameSpecs)],
    reconcile(ctx) {
      const specs = ctx.list(HostnameSpecs, LAYERS_NAMESPACE).map(({ spec }) => spec);
      ctx.writeAll(HostnameSpecs, new Map(specs.length === 0 ? [] : [[HOSTNAME_ID, chooseName(specs)]]));
    },
  };
}

/**
 * A name of a link is the weakest after the default; of those, the first link's. The address stays that of the link,
 * whoever gives the name.
 */
export function chooseName(specs: readonly HostnameSpec[]): HostnameSpec {
  const ofLinks = specs
    .filter(({ link }) => link !== '')
    .sort((a, b) => (a.link < b.link ? -1 : Number(a.link > b.link)));
  const ofMachine = (layer: HostnameSpec['layer']) => specs.find(spec => spec.link === '' && spec.layer === layer);
  const [first = DEFAULT_NAME] = ofLinks;
  const strongest = ofMachine('config') ?? ofMachine('cmdline') ?? ofMachine('platform') ?? first;
  return { ...strongest, address: first.address || DEFAULT_NAME.address };
}
