import type { ServiceDefinition } from '../definition.ts';
import { InProcessRunner, type Part } from '../runners/in-process.ts';

/** The machine API: runs once, has no health check (sequences-and-services.md §3.2). */
export function machinedService({ part }: { part: Part }): ServiceDefinition {
  return {
    id: 'machined',
    dependsOn: [],
    createRunner: tools => new InProcessRunner({ id: 'machined', part, shape: 'goroutine', ...tools }),
  };
}
