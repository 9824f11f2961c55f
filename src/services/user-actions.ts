import { TalosdError } from '../lib/errors.ts';
import type { Service } from './service.ts';
import type { Supervisor } from './supervisor.ts';

/**
 * What clients may do to services (sequences-and-services.md §3.8): nearly nothing. Each throws `service "<id>" not defined`
 * or `service "<id>" doesn't support <operation> operation via API`, code `unknown`.
 */
export function startByUser(supervisor: Supervisor, id: string): void {
  const service = find(supervisor, id);
  if (service.isActive) return;
  if (!service.definition.mayRestart) throw refusal(id, 'start');
  supervisor.start(id);
}

/** Fine for what does not run; what runs is never stopped this way. */
export function stopByUser(supervisor: Supervisor, id: string): void {
  if (find(supervisor, id).isActive) throw refusal(id, 'stop');
}

/** Stops, waits for the end of it, starts; what does not run is just started. */
export async function restartByUser(supervisor: Supervisor, id: string): Promise<void> {
  const service = find(supervisor, id);
  if (!service.isActive) return startByUser(supervisor, id);
  if (!service.definition.mayRestart) throw refusal(id, 'restart');
  await supervisor.stop(id);
  supervisor.start(id);
}

function find(supervisor: Supervisor, id: string): Service {
  const service = supervisor.find(id);
  if (!service) throw new TalosdError('unknown', `service "${id}" not defined`);
  return service;
}

function refusal(id: string, operation: string): TalosdError {
  return new TalosdError('unknown', `service "${id}" doesn't support ${operation} operation via API`);
}
