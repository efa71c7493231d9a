import type { Report } from '../checks.ts';
import type { Cluster } from '../cluster.ts';
import { until } from '../until.ts';
import { askMuslinctl } from './muslinctl.ts';

/** What `muslinctl flows -o json` says of one denied packet, as far as it is looked at. */
interface Denied {
  readonly source: { readonly ip: string };
  readonly destination: { readonly ip: string; readonly port?: number };
  readonly policy?: { readonly name: string };
  readonly tier?: string;
}

/** Every node that denied something in the story must say which rule it was. */
export async function checkFlows(cluster: Cluster, report: Report): Promise<void> {
  const ask = async (): Promise<readonly Denied[]> => {
    const asked = cluster.topology.nodes.map(({ name }) =>
      askMuslinctl(
        'flows',
        '--verdict',
        'deny',
        '-o',
        'json',
        '--socket',
        `${cluster.folder}/${name}/agent.sock`,
      ),
    );
    return (await Promise.all(asked)).flatMap(text =>
      text.split('\n').flatMap((line): Denied[] => (line === '' ? [] : [JSON.parse(line) as Denied])),
    );
  };
  const named = ({ policy, tier }: Denied) => (policy ?? tier) !== undefined;
  const waited = await until(ask, told => told.some(named), 15_000, 250);
  const told = waited.held ? waited.value : waited.last;
  const seen = `${told.length} denied packets, ${told.filter(named).length} with their rule`;
  report.check('muslinctl flows', 'denied packets with the rule that denied them', seen, waited.held);
}
