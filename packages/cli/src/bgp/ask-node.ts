import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type AnyObject, type KubeClient, RESOURCES } from '@muslin/kube';
import { fail, ok, type Result } from '@muslin/net';
import type { Context } from '../context.ts';
import { listAt, textAt, valueAt } from '../files/json.ts';
import { connect } from '../live/connect.ts';
import type { Input } from '../verb.ts';
import { faultText } from '../live/fault-text.ts';

const PATIENCE_MS = 15_000;
const LOOK_EVERY_MS = 100;

/** A route of a node, as CalicoNodeStatus (projectcalico.org/v3) tells it. */
export interface NodeRoute {
  readonly destination: string;
  /** FIB: the kernel uses it; RIB: BGP learned it and the kernel does not. */
  readonly type: string;
  readonly gateway: string | undefined;
  readonly interface: string | undefined;
  /** Kernel, Static, Direct, NodeMesh or BGPPeer. */
  readonly from: string | undefined;
  readonly peer: string | undefined;
}

/**
 * Asks a node for its routes through the API: makes a CalicoNodeStatus that asks once, waits for the node's answer and
 * deletes it again. A node of Calico answers just the same.
 */
export async function askNodeForRoutes(
  ctx: Pick<Context, 'env'>,
  input: Input,
  node: string,
): Promise<Result<readonly NodeRoute[], string>> {
  const client = await connect(ctx, input);
  if (!client.ok) return client;
  const name = `muslinctl-${randomBytes(6).toString('hex')}`;
  const resource = RESOURCES.CalicoNodeStatus;
  try {
    const question = { metadata: { name }, spec: { node, classes: ['Routes'], updatePeriodSeconds: 0 } };
    const made = await client.value.create<AnyObject>(resource, question as AnyObject);
    if (!made.ok) return fail(`can't ask node ${node}: ${faultText(made.fault)}`);
    try {
      return await answerOf(client.value, name, node);
    } finally {
      await client.value.delete(resource, { name });
    }
  } finally {
    await client.value.close();
  }
}

async function answerOf(
  client: KubeClient,
  name: string,
  node: string,
): Promise<Result<readonly NodeRoute[], string>> {
  const end = performance.now() + PATIENCE_MS;
  while (performance.now() < end) {
    const seen = await client.get<AnyObject>(RESOURCES.CalicoNodeStatus, { name });
    if (!seen.ok) return fail(faultText(seen.fault));
    if (textAt(seen.value, 'status', 'lastUpdated') !== undefined) return ok(routesOf(seen.value));
    await sleep(LOOK_EVERY_MS);
  }
  return fail(`node ${node} gave no answer in 15 s: is there such a node, and does its speaker run?`);
}

function routesOf(status: AnyObject): readonly NodeRoute[] {
  const routes = valueAt(status, 'status', 'routes');
  return [...listAt(routes, 'routesV4'), ...listAt(routes, 'routesV6')].map(route => ({
    destination: textAt(route, 'destination') ?? '?',
    type: textAt(route, 'type') ?? '?',
    gateway: textAt(route, 'gateway'),
    interface: textAt(route, 'interface'),
    from: textAt(route, 'learnedFrom', 'sourceType'),
    peer: textAt(route, 'learnedFrom', 'peerIP'),
  }));
}
