import type { ResourceType } from '../../runtime/resource.ts';
import { toYaml } from '../yaml.ts';

/** A room of the store (spec/resources.md §4). Its id is its name. */
export interface NamespaceSpec {
  readonly description: string;
}

/** The namespaces that clients may name. */
export const Namespaces: ResourceType<NamespaceSpec> = {
  type: 'Namespaces.meta.cosi.dev',
  display: 'Namespace',
  defaultNamespace: 'meta',
  aliases: ['ns'],
  contract: true,
  toYaml: ({ description }) => toYaml({ description }),
};
