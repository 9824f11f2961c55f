import type { Lease } from './lease.ts';

/** A lease and when it ends, on the monotonic clock in milliseconds. */
export interface HeldLease {
  readonly lease: Lease;
  readonly expiresAt: number;
}

/** What is known of the addresses that DHCPv4 gives a link. */
export interface Dhcp4State {
  readonly link: string;
  readonly held: HeldLease | undefined;
  /** Server with which the running client renews; empty where it asks all. */
  readonly followed: string;
}

/** What happened: what the client told, that it ended, that the link has its cable again, or that time has passed. */
export type Dhcp4Event =
  | { readonly kind: 'bound' | 'renew'; readonly lease: Lease }
  | { readonly kind: 'unusable' | 'nak' | 'exit'; readonly reason: string }
  | { readonly kind: 'deconfig' | 'leasefail' | 'linkback' | 'tick' };

/** What to do about it. `restart` ends the client, which is started again with `requestedAddress`. */
export type Dhcp4Command =
  | { readonly kind: 'renew' }
  | { readonly kind: 'restart' }
  | { readonly kind: 'info' | 'warn'; readonly message: string };

/** The successor of a state, and what to do. */
export interface Dhcp4Step {
  readonly state: Dhcp4State;
  readonly commands: readonly Dhcp4Command[];
}

/** udhcpc counts in whole seconds and may give a lease up this much before its end, milliseconds. */
const SLACK = 2000;

/** Nothing is known yet. */
export function initialDhcp4(link: string): Dhcp4State {
  return { link, held: undefined, followed: '' };
}

/** The address that a client shall ask for first. */
export function requestedAddress({ held }: Dhcp4State): string | undefined {
  return held?.lease.address.split('/')[0];
}

/**
 * The lease of one link, moved on by what udhcpc tells. When to renew and when to rebind (T1, T2) is udhcpc's business;
 * whether the address is ours is decided here: a lease holds until another takes its place, until a server refuses it,
 * or until its time is over, whatever becomes of the client meanwhile. `now` is the monotonic clock, milliseconds.
 */
export function nextDhcp4(state: Dhcp4State, event: Dhcp4Event, now: number): Dhcp4Step {
  const { link, held } = state;
  if (held && now >= held.expiresAt && event.kind !== 'bound' && event.kind !== 'renew') {
    return expired(state, event, now);
  }
  switch (event.kind) {
    case 'bound':
    case 'renew':
      return adopted(state, event.kind, event.lease, now);
    case 'nak': {
      const text = `server rejected request with Nak${event.reason && `: ${event.reason}`}`;
      return { state: { ...state, held: undefined }, commands: [failure(state, text)] };
    }
    case 'unusable':
      // The client believes in it and would not look for another server.
      return { state, commands: [failure(state, event.reason), { kind: 'restart' }] };
    case 'leasefail':
      return { state, commands: [failure(state, 'no server answers')] };
    case 'exit':
      return { state, commands: [failure(state, `the client ended: ${event.reason}`)] };
    case 'deconfig':
      return held && held.expiresAt - now <= SLACK ? expired(state, event, now) : { state, commands: [] };
    case 'linkback':
      return { state, commands: [{ kind: 'info', message: `link "${link}" is back` }, { kind: 'renew' }] };
    case 'tick':
      return { state, commands: [] };
  }
}

/**
 * udhcpc goes on asking the server of its first lease also when another one has renewed it, so that each renewal waits
 * for a server that may be gone. It is started anew then, and follows the one that answers.
 */
function adopted(state: Dhcp4State, kind: 'bound' | 'renew', lease: Lease, now: number): Dhcp4Step {
  const { link, followed } = state;
  const held: HeldLease = { lease, expiresAt: now + lease.lifetime };
  const commands: Dhcp4Command[] = [{ kind: 'info', message: `DHCP ACK on "${link}": ${describeLease(lease)}` }];
  if (lease.ignored.length > 0) {
    commands.push({ kind: 'warn', message: `DHCP ACK on "${link}": unusable options ${lease.ignored.join(', ')}` });
  }
  if (kind === 'bound') return { state: { link, held, followed: lease.server }, commands };
  if (followed === '' || followed === lease.server) return { state: { link, held, followed }, commands };
  const server = lease.server || 'one that does not name itself';
  commands.push({ kind: 'info', message: `DHCP server on "${link}" changed from ${followed} to ${server}` });
  commands.push({ kind: 'restart' });
  return { state: { link, held, followed }, commands };
}

/** Of a client that has told of the end itself nothing more is wanted: it looks for a server. */
function expired(state: Dhcp4State, event: Dhcp4Event, now: number): Dhcp4Step {
  const lost: Dhcp4State = { ...state, held: undefined };
  const note = failure(state, `the lease of ${state.held?.lease.address} has ended`);
  if (event.kind === 'tick') return { state: lost, commands: [note, { kind: 'restart' }] };
  const { state: next, commands } = nextDhcp4(lost, event, now);
  return { state: next, commands: [note, ...commands] };
}

function failure({ link, held }: Dhcp4State, text: string): Dhcp4Command {
  const words = held ? 'failure to renew address for' : 'failed dhcp request for';
  return { kind: 'warn', message: `${words} "${link}": ${text}` };
}

/** A lease in words: its options, comma-separated (spec/network.md §5.1). */
export function describeLease({ address, server, lifetime, routes, resolvers, hostname, domain, mtu }: Lease): string {
  const words = [`address ${address}`];
  if (server !== '') words.push(`server ${server}`);
  words.push(Number.isFinite(lifetime) ? `lease time ${lifetime / 1000}s` : 'lease for ever');
  for (const { destination, gateway } of routes) words.push(`route ${destination} via ${gateway || 'link'}`);
  if (resolvers.length > 0) words.push(`DNS ${resolvers.join(' ')}`);
  if (hostname !== '') words.push(`hostname ${hostname}`);
  if (domain !== '') words.push(`domain ${domain}`);
  if (mtu !== 0) words.push(`MTU ${mtu}`);
  return words.join(', ');
}
