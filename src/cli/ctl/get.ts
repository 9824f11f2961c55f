import { EventType, type Resource, ResourceServiceService } from '../../gen/resource/resource.ts';
import { callNodes, streamNodes } from './call-nodes.ts';
import { createWriter, type ResourceWriter } from './get-writers.ts';
import { ctlCommand, type Session } from './session.ts';

/** `get TYPE [ID]` (spec/resources.md §9.2). */
export const getCommand = ctlCommand({
  args: '<type> [id]',
  help: 'Show resources of nodes. `get rd` lists the types.',
  examples: ['get rd', 'get services', 'get mc v1alpha1 -o yaml', 'get services apid --watch'],
  options: [
    { flags: '--namespace <name>', help: "namespace (else that of the type's definition)" },
    { flags: '-o, --output <mode>', help: 'table, yaml or json', default: 'table' },
    { flags: '-w, --watch', help: 'go on with changes until Ctrl-C' },
  ],
  async run(session, [type, id = ''], options) {
    const isWatch = options.boolean('watch');
    const writer = createWriter(options.string('output')!, isWatch);
    const request = { namespace: options.string('namespace') ?? '', type: type!, id };
    if (isWatch) return watch(session, writer, request);
    const code = id ? await getOne(session, writer, request) : await list(session, writer, request);
    await session.out.write(writer.flush());
    return code;
  },
});

interface Request {
  namespace: string;
  type: string;
  id: string;
}

/** What a node sends: a definition, a resource, or both. */
interface Sent {
  definition: Resource | undefined;
  resource: Resource | undefined;
}

async function getOne(session: Session, writer: ResourceWriter, request: Request): Promise<number> {
  const replies = await callNodes(session, 'error getting resource', ResourceServiceService.get, request);
  for (const { node, message } of replies) await session.out.write(write(writer, node, message, undefined));
  return 0;
}

function list(session: Session, writer: ResourceWriter, request: Request): Promise<number> {
  return streamNodes(session, 'error listing resources', ResourceServiceService.list, request, {
    message: (node, message) => session.out.write(write(writer, node, message, undefined)),
  });
}

function watch(session: Session, writer: ResourceWriter, request: Request): Promise<number> {
  return streamNodes(session, 'error watching resources', ResourceServiceService.watch, request, {
    message: (node, message) => session.out.write(write(writer, node, message, message.eventType)),
  });
}

function write(writer: ResourceWriter, node: string, sent: Sent, event: EventType | undefined): string {
  const header = sent.definition ? writer.definition(sent.definition) : '';
  return sent.resource ? header + writer.resource(node, sent.resource, event ?? EventType.CREATED) : header;
}
