import { RESOURCES } from '@muslin/kube';
import type { Report } from '../checks.ts';
import type { Cluster } from '../cluster.ts';
import { probe } from '../probe.ts';
import { until } from '../until.ts';
import { askMuslinctl } from './muslinctl.ts';
import type { Participant } from './probe-round.ts';

/** What `muslinctl flows -o json` says of one denied packet, as far as it is looked at. */
interface Denied {
  readonly source: { readonly ip: string };
  readonly destination: { readonly ip: string; readonly port?: number };
  readonly policy?: { readonly name: string };
  readonly tier?: string;
  readonly staged: readonly { readonly would: string; readonly deletes?: { readonly name: string } }[];
}

/** The example without which a database could call out: its deletion is staged, and nothing else of it changes. */
const DELETION = {
  apiVersion: 'projectcalico.org/v3',
  kind: 'StagedKubernetesNetworkPolicy',
  metadata: { namespace: 'shop', name: 'db-stays-home' },
  spec: { stagedAction: 'Delete' },
};

/** Every node that denied something in the story must say which rule it was. */
export async function checkFlows(cluster: Cluster, report: Report): Promise<void> {
  const named = ({ policy, tier }: Denied) => (policy ?? tier) !== undefined;
  const waited = await until(
    () => deniedBy(cluster),
    told => told.some(named),
    15_000,
    250,
  );
  const told = waited.held ? waited.value : waited.last;
  const seen = `${told.length} denied packets, ${told.filter(named).length} with their rule`;
  report.check('muslinctl flows', 'denied packets with the rule that denied them', seen, waited.held);
}

/** A packet that is denied while the deletion of its policy is staged is told with what hangs on that policy. */
export async function checkStagedDeletion(
  cluster: Cluster,
  people: readonly Participant[],
  report: Report,
): Promise<void> {
  const { namespace, name } = DELETION.metadata;
  const from = people.find(({ key }) => key.startsWith('shop/db-'));
  const to = people.find(({ key }) => key.startsWith('ops/'));
  const [ip, service] = [to?.ips[0], to?.ports[0]];
  if (from === undefined || ip === undefined || service === undefined) return;
  await cluster.apply(DELETION);
  const ask = async () => {
    await probe({ netns: from.netns, ip, ...service }, 300);
    const told = await deniedBy(cluster);
    return told.flatMap(({ staged }) => staged.filter(({ deletes }) => deletes?.name === name));
  };
  const waited = await until(ask, words => words.length > 0, 15_000, 250);
  const would = (waited.held ? waited.value : waited.last).map(word => word.would);
  const seen = would.length === 0 ? 'nothing is told of it' : `${would.length} told: ${would.join(', ')}`;
  const good = waited.held && would.every(word => word === 'Allow');
  report.check('muslinctl flows, a staged deletion', `Allow without ${name}`, seen, good);
  await cluster.client.delete(RESOURCES.StagedKubernetesNetworkPolicy, { namespace, name });
}

async function deniedBy(cluster: Cluster): Promise<readonly Denied[]> {
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
}
