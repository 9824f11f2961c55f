import { randomBytes } from 'node:crypto';
import type { Clock } from '../lib/clock.ts';
import { errorMessage, TalosdError } from '../lib/errors.ts';
import { Wakeups } from '../lib/wakeups.ts';
import { parseXid, XidGenerator, xidSeconds } from '../lib/xid.ts';
import { encodeEvent, eventTypeUrl, type NodeEvent } from './messages.ts';

const CAPACITY = 1000;
/** The oldest entries of a full ring are not handed out: they would be overwritten before a reader gets far. */
const READABLE = 990;

/** An event with its id and its form on the wire. */
export interface PublishedEvent {
  readonly id: string;
  readonly typeUrl: string;
  readonly value: Buffer;
  readonly event: NodeEvent;
}

/** Which part of the past a subscriber wants first; at most one of the three may be set (spec/api.md §2.6). */
export interface EventTail {
  /** This many of the newest; negative for all that are readable. */
  readonly tailEvents?: number;
  /** Those after the event with this id. */
  readonly tailId?: string;
  /** Those of the last seconds. */
  readonly tailSeconds?: number;
}

/**
 * The history of a node: a ring of the last 1000 events, of which at most 990 can be read back, and the future for those who wait
 * (spec/api.md §2.6, sequences-and-services.md §2.4).
 */
export class EventStream {
  readonly #ring = new Array<PublishedEvent | undefined>(CAPACITY);
  readonly #ids: XidGenerator;
  readonly #clock: Clock;
  #published = 0;
  readonly #readers = new Wakeups();

  constructor(
    clock: Clock,
    ids = new XidGenerator(clock, {
      machine: randomBytes(3).readUIntBE(0, 3),
      process: process.pid,
      counter: randomBytes(3).readUIntBE(0, 3),
    }),
  ) {
    this.#clock = clock;
    this.#ids = ids;
  }

  /** Stamps and keeps an event, wakes every subscriber, returns the event's id. */
  publish(event: NodeEvent): string {
    const id = this.#ids.next();
    this.#ring[this.#published % CAPACITY] = { id, typeUrl: eventTypeUrl(event), value: encodeEvent(event), event };
    this.#published += 1;
    this.#readers.wake();
    return id;
  }

  /**
   * Events from where `tail` says, then whatever comes, until `signal` aborts. What is published after this call is part of the
   * answer even when the first pull comes later. A subscriber that falls 1000 events behind is ended without an error.
   *
   * Throws `error parsing tail_id: xid: invalid ID` and the texts for options that exclude each other, code `unknown`.
   */
  subscribe(tail: EventTail, signal?: AbortSignal): AsyncIterable<PublishedEvent> {
    return this.#follow(this.#start(tail), signal);
  }

  async *#follow(start: number, signal: AbortSignal | undefined): AsyncGenerator<PublishedEvent> {
    for (let position = start; !signal?.aborted; ) {
      if (this.#published - position >= CAPACITY) return;
      if (position === this.#published) await this.#readers.wait(signal);
      else yield this.#at(position++);
    }
  }

  #start({ tailEvents = 0, tailId = '', tailSeconds = 0 }: EventTail): number {
    if (tailId !== '') checkId(tailId);
    if (tailEvents !== 0 && tailId !== '') {
      throw new TalosdError(
        'unknown',
        "WithTailID can't be specified at the same time with WithTailEvents or WithTailDuration",
      );
    }
    if (tailSeconds !== 0 && (tailEvents !== 0 || tailId !== '')) {
      throw new TalosdError(
        'unknown',
        "WithTailDuration can't be specified at the same time with WithTailEvents or WithTailID",
      );
    }

    const oldest = Math.max(0, this.#published - READABLE);
    if (tailEvents < 0) return oldest;
    if (tailEvents > 0) return Math.max(oldest, this.#published - tailEvents);
    if (tailId !== '') return this.#firstWhere(oldest, ({ id }) => id > tailId);
    if (tailSeconds !== 0) {
      const since = Math.floor(this.#clock.now() / 1000) - tailSeconds;
      return this.#firstWhere(oldest, ({ id }) => xidSeconds(id) > since);
    }
    return this.#published;
  }

  /** Ids grow, so what matches is a run at the end. */
  #firstWhere(oldest: number, matches: (event: PublishedEvent) => boolean): number {
    let position = this.#published;
    while (position > oldest && matches(this.#at(position - 1))) position -= 1;
    return position;
  }

  #at(position: number): PublishedEvent {
    return this.#ring[position % CAPACITY]!;
  }
}

function checkId(id: string): void {
  try {
    parseXid(id);
  } catch (error) {
    throw new TalosdError('unknown', `error parsing tail_id: ${errorMessage(error)}`, { cause: error });
  }
}
