import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import type { Report } from '../checks.ts';
import { ourProgram } from '../child.ts';
import type { Cluster } from '../cluster.ts';
import { until } from '../until.ts';

const MUSLINCTL = fileURLToPath(new URL('../../../cli/src/main.ts', import.meta.url));
const PATIENCE_MS = 15_000;

/** What a person asks on a node: by which address do others know it, and why? */
export async function checkNodeStatus(cluster: Cluster, report: Report): Promise<void> {
  const [node] = cluster.topology.nodes;
  if (node === undefined) return;
  const wanted = `IPv4 address: ${node.ip}/`;
  const why = "since it is the Node's InternalIP (kubernetes-internal-ip).";
  const [program = '', ...args] = ourProgram(MUSLINCTL, 'node', 'status');
  const folder = `${cluster.folder}/${node.name}`;
  const env = {
    MUSLIN_AGENT_SOCKET: `${folder}/agent.sock`,
    MUSLIN_SPEAKER_SOCKET: `${folder}/speaker.sock`,
  };
  const ask = async () => {
    const ran = await execa(program, args, { env, reject: false, timeout: 10_000 });
    return ran.stdout.split('\n').find(line => line.startsWith('IPv4 address')) ?? 'no address is shown';
  };
  const asked = await until(ask, line => line.startsWith(wanted) && line.endsWith(why), PATIENCE_MS, 100);
  const seen = asked.held ? asked.value : asked.last;
  report.check(`${node.name}: muslinctl node status`, `${wanted}… ${why}`, seen, asked.held);
}
