/** Agents without kernels: `full` has the agent's core behind its stream or behind watches of everything, `light` reads only. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { AgentCore } from '../../../packages/agent/src/core/agent-core.ts';
import { ClusterSource } from '../../../packages/agent/src/fanout/cluster-source.ts';
import { fileIdentity } from '../../../packages/agent/src/fanout/identity.ts';
import { StreamClient } from '../../../packages/agent/src/fanout/stream-client.ts';
import type { ClusterWatches, Sighting } from '@muslin/kube';
import { type Size, world } from './world.ts';

const [how = '', folder = '', port = '', sizeText = '', ...nodes] = process.argv.slice(2);
const size = JSON.parse(sizeText) as Size;
const heard = { faults: 0 };
const clients: StreamClient[] = [];
const client = (node: string, onMessage: ConstructorParameters<typeof StreamClient>[0]['onMessage']) => {
  const base = `${folder}/ca-system_node_${node}`;
  const files = { cert: `${base}.pem`, key: `${base}.key`, ca: `${folder}/ca.pem` };
  const target = { host: '127.0.0.1', port: Number(port), serverName: 'muslin-controller' };
  const identity = fileIdentity(files);
  const made = new StreamClient({ node, target, identity, onMessage, onFault: () => heard.faults++ });
  clients.push(made);
  return made;
};

const cores: AgentCore[] = [];
/** Watches keep the objects that they have shown, as reflectors do. */
const shown: Sighting[] = [];
function agent(node: string): ClusterSource {
  const core = new AgentCore({ node, families: [4], endpointToHostAction: 'Accept' });
  cores.push(core);
  return new ClusterSource({
    fallBackMs: 600_000,
    ...(how === 'stream' && { stream: onMessage => client(node, onMessage) }),
    watch: onSighting =>
      ({
        group: {
          start() {
            for (const sighting of world(size)) {
              shown.push(sighting);
              onSighting(sighting);
            }
          },
          stop: async () => {},
          whenSynced: async () => {},
        },
        missing: () => [],
      }) as unknown as ClusterWatches,
    onSighting: ({ object, gone }) => core.tell(gone ? { type: 'gone', object } : { type: 'object', object }),
    onMembers: (id, change) => core.tell({ type: 'members', id, change }),
    onNews: () => {
      if (how === 'stream') core.desired();
    },
  });
}

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');
if (how === 'light') for (const node of nodes) client(node, () => {}).start();
else {
  const sources = nodes.map(agent);
  for (const source of sources) source.start();
  await Promise.all(sources.map(source => source.whenSynced()));
  for (const core of cores) core.desired();
}
while (how !== 'watches' && clients.some(each => each.counts.wholes === 0))
  await new Promise(resolve => setTimeout(resolve, 50));

const figures = () => {
  collect();
  const state = cores[0]?.desired().state;
  return {
    ...{ faults: heard.faults, kept: shown.length, rss: process.memoryUsage().rss, cpu: process.cpuUsage() },
    messages: clients.reduce((sum, { counts }) => sum + counts.messages, 0),
    bytes: clients.reduce((sum, { counts }) => sum + counts.bytes, 0),
    endpoints: state?.endpoints.size ?? 0,
    policies: state?.policies.size ?? 0,
    members: [...(state?.sets.values() ?? [])].reduce((sum, { members }) => sum + members.size, 0),
  };
};
process.on('message', () => process.send?.(figures()));
process.on('disconnect', () => process.exit(0));
process.send?.(figures());
