import { setTimeout as sleep } from 'node:timers/promises';
import { type AnyObject, type KubeClient, RESOURCES } from '@muslin/kube';
import { fail, ok, type Result } from '@muslin/net';
import type { Context } from '../context.ts';
import { numberAt, textAt } from '../files/json.ts';
import { connect } from '../live/connect.ts';
import { faultText } from '../live/fault-text.ts';
import { FIELD_MANAGER } from '../live/write-actions.ts';
import type { ExitCode, Input } from '../verb.ts';
import { BGP_NODE_STATUS } from './node-status.ts';

const DRAIN = 'muslin.dev/drain';
const MESSAGE = 'muslin.dev/drain-message';
const LOOK_EVERY_MS = 100;
/** RFC 9003 §2. */
const MOST_MESSAGE = 255;

/** What the annotations of a Node ask for, what its speaker then reports, and what that means. */
const STEPS = {
  drain: { value: 'true', service: 'Drained', words: 'its routes are second choice; sessions stay up' },
  undrain: { value: null, service: 'InService', words: 'in service' },
  leave: { value: 'leave', service: 'Left', words: 'its routes are withdrawn and its sessions are down' },
} as const;
type Step = keyof typeof STEPS;

interface Patience {
  readonly graceMs: number;
  readonly timeoutMs: number;
  readonly message: string | undefined;
}

/** `bgp drain`, `undrain` and `leave`: writes on Nodes what is wanted, and waits until their speakers report it. */
export async function changeService(ctx: Context, input: Input, step: Step): Promise<ExitCode> {
  const patience = patienceOf(input);
  if (!patience.ok) return ctx.fail(2, patience.fault);
  const client = await connect(ctx, input);
  if (!client.ok) return ctx.fail(1, client.fault);
  try {
    const unknown = await unknownNodes(client.value, input.args);
    if (unknown.length > 0) return ctx.fail(2, ...unknown.map(node => `there is no node ${node}`));
    const steps: readonly Step[] = step === 'leave' ? ['drain', 'leave'] : [step];
    for (const [i, each] of steps.entries()) {
      if (i > 0) await sleep(patience.value.graceMs);
      const faults = await Promise.all(
        input.args.map(node => take(ctx, client.value, node, each, patience.value)),
      );
      const said = faults.filter(fault => fault !== undefined);
      if (said.length > 0) return ctx.fail(1, ...said);
    }
    return 0;
  } finally {
    await client.value.close();
  }
}

function patienceOf(input: Input): Result<Patience, string> {
  const timeout = Number(input.text('timeout') ?? 60);
  const grace = Number(input.text('grace') ?? 10);
  const message = input.text('message');
  if (!(timeout > 0)) return fail('--timeout takes a number of seconds above 0');
  if (!(grace >= 0)) return fail('--grace takes a number of seconds');
  if (message !== undefined && Buffer.byteLength(message) > MOST_MESSAGE)
    return fail(`--message takes at most ${MOST_MESSAGE} octets (RFC 9003)`);
  return ok({ graceMs: grace * 1000, timeoutMs: timeout * 1000, message });
}

async function unknownNodes(client: KubeClient, nodes: readonly string[]): Promise<readonly string[]> {
  const found = await Promise.all(nodes.map(name => client.get(RESOURCES.Node, { name })));
  return nodes.filter((_, i) => found[i]?.ok === false && found[i].fault.code === 'NotFound');
}

/** One step of one node; gives what went wrong. */
async function take(
  ctx: Context,
  client: KubeClient,
  node: string,
  step: Step,
  { message, timeoutMs }: Patience,
): Promise<string | undefined> {
  const { value, service, words } = STEPS[step];
  const annotations = { [DRAIN]: value, [MESSAGE]: value === null ? null : (message ?? null) };
  const patch = { type: 'merge', body: { metadata: { annotations } } } as const;
  const done = await client.patch(RESOURCES.Node, { name: node }, patch, { fieldManager: FIELD_MANAGER });
  if (!done.ok) return faultText(done.fault);
  const end = performance.now() + timeoutMs;
  while (performance.now() < end) {
    const report = await client.get<AnyObject>(BGP_NODE_STATUS, { name: node });
    if (!report.ok && report.fault.code !== 'NotFound') return faultText(report.fault);
    if (report.ok && textAt(report.value, 'status', 'service') === service) {
      const silent = numberAt(report.value, 'status', 'unconfirmed') ?? 0;
      ctx.stdout(`${node}: ${words}\n`);
      return silent === 0 ? undefined : `${node}: ${silent} of its peers did not confirm in time`;
    }
    await sleep(LOOK_EVERY_MS);
  }
  return `${node}: its speaker has not reported ${service} in ${timeoutMs / 1000} s (it is written on the Node): does it run?`;
}
