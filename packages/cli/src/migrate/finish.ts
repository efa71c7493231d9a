import { type AnyObject, type KubeClient, RESOURCES } from '@muslin/kube';
import { fail, ok, type Result } from '@muslin/net';
import { DAEMON_SETS } from '../doctor/examine.ts';
import { textAt, valueAt } from '../files/json.ts';
import { faultText } from '../live/fault-text.ts';
import { v1Resource } from './calico-sources.ts';
import { merge } from './move-node.ts';
import type { MigrationPlan } from './plan.ts';
import { NODE_LABEL } from './plan.ts';

/** Where `migrate apply` keeps what Calico had set, so that neither way needs a memory. */
export const BEFORE = 'muslin.dev/auto-allocate-blocks-before';

/** On ClusterInformation `default`: from then on `projectcalico.org/v3` leads, and nothing is copied over it. */
const FINISHED = 'muslin.dev/migration-finished';

const DEFAULT = { name: 'default' };

/** Whether a migration was finished here. */
export async function isFinished(client: KubeClient): Promise<boolean> {
  const found = await client.get<AnyObject>(RESOURCES.ClusterInformation, DEFAULT);
  return found.ok && textAt(found.value, 'metadata', 'annotations', FINISHED) !== undefined;
}

/**
 * The last step: every node is over and Calico is gone. Gives the addresses the settings that Calico had, lets Muslin run on
 * every node, and notes that `projectcalico.org/v3` leads. There is no `migrate back` after it.
 */
export async function finishMigration(
  client: KubeClient,
  plan: MigrationPlan,
  say: (line: string) => void,
): Promise<Result<undefined, string>> {
  const behind = plan.nodes.filter(({ on }) => on === 'calico').map(({ name }) => name);
  if (behind.length > 0) return fail(`${behind.join(', ')}: still with Calico. Hand over every node first`);
  const sets = await client.listAll<AnyObject>(DAEMON_SETS);
  if (!sets.ok && sets.fault.code !== 'NotFound') return fail(faultText(sets.fault));
  const items = sets.ok ? sets.value.items : [];
  const calico = items.find(({ metadata }) => metadata.name === 'calico-node');
  if (calico !== undefined)
    return fail(
      `DaemonSet ${calico.metadata.namespace}/calico-node is still there, and would start on new nodes: kubectl -n ${calico.metadata.namespace} delete daemonset calico-node deployment calico-kube-controllers`,
    );
  const settings = await giveBack(client, plan, say);
  if (!settings.ok) return settings;
  const marked = await mark(client);
  if (!marked.ok) return marked;
  say('projectcalico.org/v3 leads from now on: edit objects there; nothing is copied over them any more');
  for (const { metadata } of items.filter(({ metadata }) => metadata.name === 'muslin-node')) {
    const { namespace = '' } = metadata;
    const body = { spec: { template: { spec: { nodeSelector: { [NODE_LABEL]: null } } } } };
    const freed = await merge(client, DAEMON_SETS, { name: 'muslin-node', namespace }, body);
    if (!freed.ok) return freed;
    say(
      `DaemonSet ${namespace}/muslin-node: runs on every node. Take node.nodeSelector out of the values of the chart, too`,
    );
  }
  return ok(undefined);
}

/** Meanwhile Muslin borrowed no addresses from Calico's blocks; now it may do what Calico was allowed. */
async function giveBack(
  client: KubeClient,
  { group }: MigrationPlan,
  say: (line: string) => void,
): Promise<Result<undefined, string>> {
  if (group === 'projectcalico.org') return ok(undefined);
  const theirs = await client.get<AnyObject>(v1Resource(RESOURCES.IPAMConfiguration), DEFAULT);
  if (!theirs.ok && theirs.fault.code !== 'NotFound') return fail(faultText(theirs.fault));
  const strictAffinity = theirs.ok && valueAt(theirs.value, 'spec', 'strictAffinity') === true;
  const before = theirs.ok ? textAt(theirs.value, 'metadata', 'annotations', BEFORE) : undefined;
  const spec = { strictAffinity, autoAllocateBlocks: before !== 'false' };
  const given = await merge(client, RESOURCES.IPAMConfiguration, DEFAULT, { spec });
  if (given.ok) say(`IPAMConfiguration default: strictAffinity ${strictAffinity}, as Calico had it`);
  return given;
}

async function mark(client: KubeClient): Promise<Result<undefined, string>> {
  const metadata = { annotations: { [FINISHED]: 'true' } };
  const found = await client.get<AnyObject>(RESOURCES.ClusterInformation, DEFAULT);
  if (found.ok) return merge(client, RESOURCES.ClusterInformation, DEFAULT, { metadata });
  if (found.fault.code !== 'NotFound') return fail(faultText(found.fault));
  const made = await client.create<AnyObject>(RESOURCES.ClusterInformation, {
    metadata: { ...DEFAULT, ...metadata },
  } as AnyObject);
  return made.ok ? ok(undefined) : fail(faultText(made.fault));
}
