// The floor of start-up: grpc-js and the generated protos, listening, and nothing else. Bundled like the agent.
import { Server, ServerCredentials, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { SERVICES } from '../../src/apid/methods.ts';

const server = new Server();
const nothing = new Proxy<UntypedServiceImplementation>({}, { get: () => () => {} });
for (const service of Object.values(SERVICES)) server.addService(service, nothing);
server.bindAsync(process.argv[2]!, ServerCredentials.createInsecure(), error => {
  if (error) throw error;
});
