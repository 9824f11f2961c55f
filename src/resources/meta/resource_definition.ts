import type { DefinitionSpec } from '../../runtime/definition.ts';
import type { ResourceType } from '../../runtime/resource.ts';
import { toYaml } from '../yaml.ts';

/** What clients learn about a type of resources (spec/resources.md §5). Its id is the full type in lower case. */
export const ResourceDefinitions: ResourceType<DefinitionSpec> = {
  type: 'ResourceDefinitions.meta.cosi.dev',
  display: 'ResourceDefinition',
  defaultNamespace: 'meta',
  contract: true,
  toYaml: ({ type, displayType, aliases, printColumns, defaultNamespace }) =>
    toYaml({
      type,
      displayType,
      aliases,
      printColumns: printColumns.map(({ name, jsonPath }) => ({ name, jsonPath })),
      defaultNamespace,
    }),
};
