import type { Lease } from './lease.ts';
import { describeLease, type HeldLease } from './machine.ts';

/** What is known of the address that DHCPv6 gives a link. Times are milliseconds of the monotonic clock. */
export interface Dhcp6State {
  readonly link: string;
  readonly held: HeldLease | undefined;
  /** When the next exchange is due. */
  readonly dueAt: number;
  /** How long was waited for it. */
  readonly wait: number;
  readonly isExchanging: boolean;
}

/** What happened: an exchange ended, the link has its cable again, or time has passed. */
export type Dhcp6Event =
  | { readonly kind: 'reply'; readonly lease: Lease }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'linkback' | 'tick' };

/** What to do about it. */
export type Dhcp6Command = { readonly kind: 'exchange' } | { readonly kind: 'info' | 'warn'; readonly message: string };

/** The successor of a state, and what to do. */
export interface Dhcp6Step {
  readonly state: Dhcp6State;
  readonly commands: readonly Dhcp6Command[];
}

/** Least and, without a lease, most milliseconds between exchanges. */
const LEAST_WAIT = 5_000;
const MOST_WAIT = 60_000;

/** Nothing is known yet: the first exchange is due at once. */
export function initialDhcp6(link: string, now: number): Dhcp6State {
  return { link, held: undefined, dueAt: now, wait: 0, isExchanging: false };
}

/**
 * The lease of one link, renewed by a whole new exchange at half of its life (spec/network.md §5.6). After a failure the
 * wait is halved as long as there is a lease to save, and doubled when there is none; exchanges never end.
 */
export function nextDhcp6(before: Dhcp6State, event: Dhcp6Event, now: number): Dhcp6Step {
  const isOver = before.held !== undefined && now >= before.held.expiresAt && event.kind !== 'reply';
  const state = isOver ? { ...before, held: undefined, wait: 0 } : before;
  const commands: Dhcp6Command[] = [];
  if (isOver) commands.push(failure(state, `the lease of ${before.held?.lease.address} has ended`));
  switch (event.kind) {
    case 'reply': {
      const { lease } = event;
      const wait = Math.max(LEAST_WAIT, lease.lifetime / 2);
      commands.push({ kind: 'info', message: `DHCP6 REPLY on "${state.link}": ${describeLease(lease)}` });
      if (lease.ignored.length > 0) {
        commands.push({
          kind: 'warn',
          message: `DHCP6 REPLY on "${state.link}": unusable ${lease.ignored.join(', ')}`,
        });
      }
      const held = { lease, expiresAt: now + lease.lifetime };
      return { state: { ...state, held, wait, dueAt: now + wait, isExchanging: false }, commands };
    }
    case 'failed': {
      const wait = state.held ? Math.max(LEAST_WAIT, state.wait / 2) : grown(state.wait);
      commands.push(failure(state, event.reason));
      return { state: { ...state, wait, dueAt: now + wait, isExchanging: false }, commands };
    }
    case 'linkback':
      return due({ ...state, dueAt: now }, commands, now);
    case 'tick':
      return due(state, commands, now);
  }
}

function due(state: Dhcp6State, commands: readonly Dhcp6Command[], now: number): Dhcp6Step {
  if (state.isExchanging || now < state.dueAt) return { state, commands };
  return { state: { ...state, isExchanging: true }, commands: [...commands, { kind: 'exchange' }] };
}

function grown(wait: number): number {
  return Math.min(MOST_WAIT, Math.max(LEAST_WAIT, wait * 2));
}

function failure({ link }: Dhcp6State, text: string): Dhcp6Command {
  return { kind: 'warn', message: `failed dhcp6 request for "${link}": ${text}` };
}
