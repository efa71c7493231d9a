import type { Report } from '../checks.ts';
import type { Cluster } from '../cluster.ts';
import { askSocket } from '../local-status.ts';
import { until } from '../until.ts';

interface ControllerStatus {
  readonly fanout?: { readonly listening: number; readonly enrolled: number; readonly refused: number };
}

const TURN_MS = 30_000;

/** Every agent is told by the controller, with a certificate that it got for its own token. */
export async function checkFanout(cluster: Cluster, report: Report): Promise<void> {
  const { nodes } = cluster.topology;
  const sources = async () =>
    Promise.all(nodes.map(async node => (await cluster.agentStatus(node))?.source ?? 'silent'));
  const told = await until(sources, list => list.every(source => source === 'stream'), TURN_MS, 50);
  const list = told.held ? told.value : told.last;
  const count = list.filter(source => source === 'stream').length;
  report.check(
    'agents are told by the controller',
    `${nodes.length} of ${nodes.length}`,
    `${count}`,
    told.held,
  );
  const status = await askSocket<ControllerStatus>(`${cluster.folder}/control/controller.sock`, '/v1/status');
  const { listening = 0, enrolled = 0 } = status?.fanout ?? {};
  report.check(
    'the controller gave each node a certificate',
    `${nodes.length} streams, as many certificates or more`,
    `${listening} streams, ${enrolled} certificates`,
    listening === nodes.length && enrolled >= nodes.length,
  );
}
