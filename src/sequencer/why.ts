import { TalosdError } from '../lib/errors.ts';
import type { Service } from '../services/service.ts';
import type { Supervisor } from '../services/supervisor.ts';
import type { SequenceProgress } from './engine.ts';

/** One link of the chain from "not ready" to what is really missing; each is unmet because of the next. */
export interface Cause {
  /** `node`, `sequence boot`, `phase startEverything`, `task startAllServices`, `service etcd`, `configuration`. */
  readonly subject: string;
  readonly state: string;
  readonly reason: string;
  /** Milliseconds since the epoch, where known. */
  readonly since: number | undefined;
}

export interface Explanation {
  readonly ready: boolean;
  readonly chain: readonly Cause[];
}

/** What the node knows of itself. */
export interface WhySources {
  /** Running sequences, the one with the lock first. */
  readonly running: readonly SequenceProgress[];
  readonly supervisor: Supervisor;
  /** When this life began, when its boot completed, and what ended its start-up early. */
  readonly life: { readonly since: number; readonly booted: number | undefined; readonly failure: string | undefined };
  readonly trial: { readonly id: string; readonly deadline: number } | undefined;
}

/** Walks from `subject` (empty: the node) down to the leaf; throws `not_found` for a subject that does not exist. */
export function explain(subject: string, sources: WhySources): Explanation {
  const { ready, chain } = chainOf(subject, sources);
  return { ready, chain: chain.map(cause => ({ ...cause, reason: oneLine(cause.reason) })) };
}

/** Lists of errors have a line for each; a reason is one. */
function oneLine(text: string): string {
  const lines = text.split('\n').map(line => line.trim().replace(/^\* /, ''));
  const [head = '', ...items] = lines.filter(Boolean);
  return [head, items.join('; ')].filter(Boolean).join(head.endsWith(':') ? ' ' : '; ');
}

function chainOf(subject: string, sources: WhySources): Explanation {
  if (subject === '' || subject === 'node') return explainNode(sources);
  const [kind, name = ''] = subject.split(' ', 2);
  if (kind === 'configuration') return { ready: true, chain: [configurationCause(sources)] };
  if (kind === 'service') {
    const service = sources.supervisor.find(name);
    if (service) return { ready: service.has('up'), chain: serviceChain(service, sources.supervisor) };
  }
  const chain = sources.running.map(progress => sequenceChain(progress, sources.supervisor));
  const found = chain
    .map(causes => causes.slice(causes.findIndex(cause => cause.subject === subject)))
    .find(causes => causes[0]?.subject === subject);
  if (!found) throw new TalosdError('not_found', `there is no ${JSON.stringify(subject)} on this node now`);
  return { ready: false, chain: found };
}

function explainNode({ running, supervisor, life }: WhySources): Explanation {
  const down = supervisor.list().filter(({ id }) => !supervisor.find(id)?.has('up'));
  const node = (reason: string): Cause => ({ subject: 'node', state: 'not ready', reason, since: life.since });
  const [sequence] = running;
  if (sequence) {
    return {
      ready: false,
      chain: [node(`the ${sequence.name} sequence is running`), ...sequenceChain(sequence, supervisor)],
    };
  }
  if (life.booted === undefined) return { ready: false, chain: [node(life.failure ?? 'it is starting')] };
  const first = down[0] && supervisor.find(down[0].id);
  if (first) {
    const reason = `${down.length === 1 ? 'a service is' : `${down.length} services are`} not up`;
    return { ready: false, chain: [node(reason), ...serviceChain(first, supervisor)] };
  }
  return {
    ready: true,
    chain: [
      { subject: 'node', state: 'ready', reason: 'the boot has completed and every service is up', since: life.booted },
    ],
  };
}

function sequenceChain(progress: SequenceProgress, supervisor: Supervisor): Cause[] {
  const { name, since, phase, phaseSince, failure, tasks } = progress;
  const chain: Cause[] = [
    { subject: `sequence ${name}`, state: 'running', reason: phase ? `in phase ${phase}` : '', since },
  ];
  if (phase === undefined) return chain;
  if (failure) {
    const reason = `${oneLine(failure.message)} (tried ${failure.attempt} times, trying again)`;
    chain.push({ subject: `phase ${phase}`, state: 'failing', reason, since: failure.since });
  } else {
    const names = tasks.map(task => task.name).join(', ');
    chain.push({ subject: `phase ${phase}`, state: 'running', reason: names && `runs ${names}`, since: phaseSince });
  }
  const task = tasks.find(({ waitingFor }) => waitingFor !== undefined) ?? tasks[0];
  if (!task) return chain;
  const { waitingFor } = task;
  const reason = waitingFor === undefined ? 'not done yet' : `waits for ${waitingFor}`;
  chain.push({ subject: `task ${task.name}`, state: waitingFor ? 'waiting' : 'running', reason, since: task.since });
  if (task.name === 'startAllServices') {
    const down = supervisor.list().find(({ id }) => !supervisor.find(id)?.has('up'));
    const service = down && supervisor.find(down.id);
    if (service) chain.push(...serviceChain(service, supervisor));
  }
  return chain;
}

/** A service, and below it what it waits for. */
function serviceChain(service: Service, supervisor: Supervisor, seen = new Set<string>()): Cause[] {
  seen.add(service.id);
  const chain = [serviceCause(service)];
  if (service.has('up')) return chain;
  const dependency = service.definition.dependsOn
    .map(id => supervisor.find(id))
    .find(other => other !== undefined && !other.has('up') && !seen.has(other.id));
  if (dependency) return [...chain, ...serviceChain(dependency, supervisor, seen)];
  const { condition } = service.definition;
  if (!condition || condition.isMet()) return chain;
  return [...chain, { subject: condition.text, state: 'not met', reason: '', since: chain[0]?.since }];
}

/** Where one service stands. */
export function serviceCause(service: Service): Cause {
  const { state, events, health } = service.status;
  const first = events.findLast((event, index) => event.state === state && events[index - 1]?.state !== state);
  const isSick = state === 'Running' && !service.has('up');
  const message = isSick && health.lastMessage !== '' ? health.lastMessage : (events.at(-1)?.message ?? 'not started');
  return {
    subject: `service ${service.id}`,
    state: isSick ? 'unhealthy' : state.toLowerCase(),
    reason: message,
    since: isSick ? (health.lastChange ?? first?.time) : first?.time,
  };
}

function configurationCause({ trial, life }: WhySources): Cause {
  const subject = 'configuration';
  if (!trial) return { subject, state: 'in use', reason: '', since: life.since };
  const reason = `${trial.id} goes at ${new Date(trial.deadline).toISOString()} unless it is confirmed`;
  return { subject, state: 'on trial', reason, since: undefined };
}
