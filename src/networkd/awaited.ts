import type { Clock } from '../lib/clock.ts';
import type { AddressSpec } from '../resources/network/address_spec.ts';
import type { OperatorSpec } from '../resources/network/operator_spec.ts';

/** Time in which a DHCP server that is there has answered, milliseconds. */
const GRACE = 15_000;

/** The family of addresses on a link: `eth0 4`. */
export function familyOn(link: string, address: string): string {
  return `${link} ${address.includes(':') ? 6 : 4}`;
}

/**
 * What an agent that comes back has to wait for: leases that its former life had are most likely given again, so what came
 * of them stays until there is an answer, or there has been time for one.
 */
export class AwaitedLeases {
  readonly #clock: Clock;
  readonly #answered = new Set<string>();
  #since: bigint | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Families on links that wait for their first lease, and the milliseconds after which they no longer do. */
  of(
    operators: readonly OperatorSpec[],
    addresses: readonly AddressSpec[],
  ): { readonly families: ReadonlySet<string>; readonly rest: number | undefined } {
    this.#since ??= this.#clock.monotonic();
    for (const { link, address, layer } of addresses) if (layer === 'dhcp') this.#answered.add(familyOn(link, address));
    const rest = GRACE - Number(this.#clock.monotonic() - this.#since) / 1e6;
    const families = operators.flatMap(({ operator, link }) =>
      operator === 'vip' ? [] : `${link} ${operator === 'dhcp4' ? 4 : 6}`,
    );
    const waiting = rest > 0 ? families.filter(family => !this.#answered.has(family)) : [];
    return { families: new Set(waiting), rest: waiting.length > 0 ? Math.ceil(rest) : undefined };
  }
}
