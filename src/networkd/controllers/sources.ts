import type { Source } from '../../runtime/controller.ts';
import type { NetworkSnapshot } from '../../system/network-snapshot.ts';
import type { ObservedNetwork } from '../applier.ts';

/** Wakes a controller after each change of the kernel's network. */
export function onNetworkChange(network: ObservedNetwork): Source {
  return (trigger, signal) => {
    const end = network.onChange(() => trigger());
    signal.addEventListener('abort', end, { once: true });
  };
}

/** Wakes a controller when links came or went: thousands of routes say nothing new to those who only name links. */
export function onLinksChange(network: ObservedNetwork): Source {
  return (trigger, signal) => {
    let known = namesOf(network.snapshot);
    const end = network.onChange(snapshot => {
      const names = namesOf(snapshot);
      if (names === known) return;
      known = names;
      trigger();
    });
    signal.addEventListener('abort', end, { once: true });
  };
}

function namesOf({ links }: NetworkSnapshot): string {
  return links.map(({ index, name }) => `${index} ${name}`).join('\n');
}
