import { type AnyObject, type KubeClient, RESOURCES } from '@muslin/kube';
import { fail, ok, type Result } from '@muslin/net';
import type { Context } from '../context.ts';
import { DAEMON_SETS } from '../doctor/examine.ts';
import { textAt, valueAt } from '../files/json.ts';
import { connect } from '../live/connect.ts';
import { faultText } from '../live/fault-text.ts';
import { ResourceFinder } from '../live/resource-finder.ts';
import type { ExitCode, Input } from '../verb.ts';
import { readSources, v1Resource } from './calico-sources.ts';
import { fencedAffinity } from './fence.ts';
import { BEFORE, finishMigration, isFinished } from './finish.ts';
import { type Direction, merge, moveNode, put } from './move-node.ts';
import { operatorInTheWay } from './operator.ts';
import { type MigrationPlan, NODE_LABEL, ON_MUSLIN, planOf } from './plan.ts';

const SETTINGS = v1Resource(RESOURCES.IPAMConfiguration);

/** What `migrate` does to a cluster. */
type Step = Direction | 'finish';

/** `migrate apply`, `back` and `finish`: what is done already is done again without harm, so each can be broken off. */
export async function runMigration(ctx: Context, input: Input, step: Step): Promise<ExitCode> {
  const client = await connect(ctx, input);
  if (!client.ok) return ctx.fail(1, client.fault);
  try {
    const sources = await readSources(client.value);
    if (!sources.ok) return ctx.fail(1, sources.fault);
    const plan = planOf(sources.value);
    const nodes = input.list('node');
    const known = plan.nodes.map(({ name }) => name);
    const strangers = nodes.filter(name => !known.includes(name));
    if (strangers.length > 0) return ctx.fail(2, ...strangers.map(name => `there is no node ${name}`));
    const say = (line: string) => ctx.stdout(`${line}\n`);
    const inTheWay = await operatorInTheWay(client.value);
    if (inTheWay !== undefined) return ctx.fail(1, inTheWay);
    if (step !== 'finish' && (await isFinished(client.value))) return ctx.fail(1, FINISHED);
    const steps = { 'to-muslin': forth, 'to-calico': home, finish };
    const done = await steps[step](client.value, plan, nodes, say);
    return done.ok ? 0 : ctx.fail(1, done.fault);
  } finally {
    await client.value.close();
  }
}

type Say = (line: string) => void;

const FINISHED =
  'this migration was finished ("migrate finish"): projectcalico.org/v3 leads, and would be overwritten by what Calico had';

function finish(client: KubeClient, plan: MigrationPlan, _: readonly string[], say: Say) {
  return finishMigration(client, plan, say);
}

async function forth(
  client: KubeClient,
  plan: MigrationPlan,
  nodes: readonly string[],
  say: Say,
): Promise<Result<undefined, string>> {
  const shared = plan.group === 'projectcalico.org';
  const blocked = await blocker(client);
  if (blocked !== undefined) return fail(blocked);
  if (!shared) {
    const frozen = await freeze(client, true);
    if (!frozen.ok) return frozen;
    say('Calico claims no new blocks from now on');
    const copied = await copy(client, plan);
    if (!copied.ok) return copied;
    say(
      `${plan.objects.length} objects and ${copied.value} of ${plan.ledger.length} entries of the address ledger copied`,
    );
  }
  const fenced = await fence(client, true, say);
  if (!fenced.ok) return fenced;
  for (const node of nodes) {
    const moved = await moveNode(client, node, 'to-muslin', shared, say);
    if (!moved.ok) return moved;
  }
  return ok(undefined);
}

async function home(
  client: KubeClient,
  plan: MigrationPlan,
  asked: readonly string[],
  say: Say,
): Promise<Result<undefined, string>> {
  const shared = plan.group === 'projectcalico.org';
  const over = plan.nodes.filter(({ on }) => on === 'muslin').map(({ name }) => name);
  const nodes = asked.length > 0 ? asked : over;
  for (const node of nodes) {
    const moved = await moveNode(client, node, 'to-calico', shared, say);
    if (!moved.ok) return moved;
  }
  if (over.some(node => !nodes.includes(node))) return ok(undefined);
  const fenced = await fence(client, false, say);
  if (!fenced.ok) return fenced;
  if (shared) return ok(undefined);
  const thawed = await freeze(client, false);
  if (thawed.ok)
    say(
      'every node is with Calico, which claims blocks again; the copies in projectcalico.org/v3 stay, and Calico reads none of them',
    );
  return thawed;
}

/** Calico's own API server in front of v3 would hide the definitions of Muslin. */
async function blocker(client: KubeClient): Promise<string | undefined> {
  const path = '/apis/apiregistration.k8s.io/v1/apiservices/v3.projectcalico.org';
  const service = await client.raw({ method: 'GET', path });
  if (service.ok && valueAt(service.value, 'spec', 'service') !== undefined)
    return "Calico's API server answers for projectcalico.org/v3 and hides Muslin's definitions: kubectl delete apiservice v3.projectcalico.org (its operator makes it again: scale that down first), then kubectl apply --server-side -f crds/";
  const pools = await client.list(RESOURCES.IPPool, { limit: 1 });
  return pools.ok
    ? undefined
    : `projectcalico.org/v3 is not served: kubectl apply --server-side -f crds/ (${faultText(pools.fault)})`;
}

/** Stops Calico from claiming blocks that Muslin may claim, or lets it again. */
async function freeze(client: KubeClient, on: boolean): Promise<Result<undefined, string>> {
  const now = await client.get<AnyObject>(SETTINGS, { name: 'default' });
  if (!now.ok && now.fault.code !== 'NotFound') return fail(faultText(now.fault));
  const before = now.ok ? textAt(now.value, 'metadata', 'annotations', BEFORE) : undefined;
  if (!on) {
    if (before === undefined) return ok(undefined);
    return merge(
      client,
      SETTINGS,
      { name: 'default' },
      {
        metadata: { annotations: { [BEFORE]: null } },
        spec: { autoAllocateBlocks: before === 'true' },
      },
    );
  }
  if (before !== undefined) return ok(undefined);
  const was = now.ok ? valueAt(now.value, 'spec', 'autoAllocateBlocks') !== false : true;
  const frozen = {
    metadata: { annotations: { [BEFORE]: String(was) } },
    spec: { autoAllocateBlocks: false },
  };
  if (now.ok) return merge(client, SETTINGS, { name: 'default' }, frozen);
  const spec = { ...frozen.spec, strictAffinity: false };
  const made = await client.create(SETTINGS, {
    metadata: { name: 'default', ...frozen.metadata },
    spec,
  } as AnyObject);
  return made.ok ? ok(undefined) : fail(faultText(made.fault));
}

/** Objects as they are; of the ledger, what belongs to nodes of Calico. Muslin borrows nothing from those meanwhile. */
async function copy(client: KubeClient, plan: MigrationPlan): Promise<Result<number, string>> {
  const finder = new ResourceFinder(client);
  const over = new Set(plan.nodes.filter(({ on }) => on === 'muslin').map(({ name }) => name));
  const ledger = plan.ledger.filter(object => {
    const owner = textAt(object, 'spec', 'affinity')?.replace(/^host:/, '') ?? textAt(object, 'spec', 'node');
    return owner === undefined ? over.size === 0 || object.kind !== 'IPAMHandle' : !over.has(owner);
  });
  const careful = plan.objects.map(object =>
    object.kind === 'IPAMConfiguration'
      ? { ...object, spec: { ...(object['spec'] as object), strictAffinity: true, autoAllocateBlocks: true } }
      : object,
  );
  for (const object of [...careful, ...ledger]) {
    const resource = await finder.find('projectcalico.org/v3', object.kind ?? '');
    if (!resource.ok) return resource;
    const done = await put(client, resource.value, object as AnyObject);
    if (!done.ok) return done;
  }
  return ok(ledger.length);
}

/** Each DaemonSet runs on its own nodes. */
async function fence(client: KubeClient, on: boolean, say: Say): Promise<Result<undefined, string>> {
  const sets = await client.listAll<AnyObject>(DAEMON_SETS);
  if (!sets.ok && sets.fault.code === 'NotFound') return ok(undefined);
  if (!sets.ok) return fail(faultText(sets.fault));
  for (const set of sets.value.items) {
    const { name = '', namespace = '' } = set.metadata;
    const body =
      name === 'calico-node'
        ? { affinity: fencedAffinity(valueAt(set, 'spec', 'template', 'spec', 'affinity'), on) }
        : name === 'muslin-node'
          ? { nodeSelector: { [NODE_LABEL]: on ? ON_MUSLIN : null } }
          : undefined;
    if (body === undefined) continue;
    const done = await merge(
      client,
      DAEMON_SETS,
      { name, namespace },
      { spec: { template: { spec: body } } },
    );
    if (!done.ok) return done;
    say(`DaemonSet ${namespace}/${name}: ${on ? 'kept to its nodes' : 'as before'}`);
  }
  return ok(undefined);
}
