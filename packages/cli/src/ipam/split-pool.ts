import { type Pool, readIpPool } from '@muslin/api';
import { type AnyObject, type KubeClient, RESOURCES } from '@muslin/kube';
import { formatPrefix, offsetIp, parsePrefix, type Prefix, prefix, samePrefix, widthOf } from '@muslin/net';
import type { Context } from '../context.ts';
import { recordAt } from '../files/json.ts';
import { connect } from '../live/connect.ts';
import { faultText } from '../live/fault-text.ts';
import { FIELD_MANAGER } from '../live/write-actions.ts';
import type { ExitCode, Input } from '../verb.ts';

/**
 * `muslinctl ipam split PARTS --name POOL|--cidr CIDR`: makes the parts, then deletes the pool, which its controller lets go at
 * once, because the parts hold its blocks. A second run ends what a first one began.
 */
export async function splitPool(ctx: Context, input: Input): Promise<ExitCode> {
  const parts = Number(input.args[0]);
  if (!Number.isInteger(Math.log2(parts)) || parts < 2 || parts > 1024)
    return ctx.fail(2, `${input.args[0]}: choose 2, 4, 8 or another power of two up to 1024`);
  const [name, text] = [input.text('name'), input.text('cidr')];
  if ((name === undefined) === (text === undefined))
    return ctx.fail(2, 'name the pool with --name or --cidr, and not both');
  const cidr = text === undefined ? undefined : parsePrefix(text);
  if (cidr?.ok === false) return ctx.fail(2, `--cidr ${text}: ${cidr.fault.message}`);
  const client = await connect(ctx, input);
  if (!client.ok) return ctx.fail(1, client.fault);
  try {
    const pools = await client.value.listAll<AnyObject>(RESOURCES.IPPool);
    if (!pools.ok) return ctx.fail(1, faultText(pools.fault));
    const all = pools.value.items.flatMap(readPool);
    const found = all.find(({ pool }) =>
      cidr === undefined ? pool.name === name : samePrefix(pool.cidr, cidr.value),
    );
    if (found === undefined) return ctx.fail(1, `there is no IPPool ${name ?? text}`);
    const plan = planOf(found.pool, parts);
    if (typeof plan === 'string') return ctx.fail(1, plan);
    return await carryOut(ctx, client.value, found, plan, all);
  } finally {
    await client.value.close();
  }
}

interface Found {
  readonly object: AnyObject;
  readonly pool: Pool;
}

function readPool(object: AnyObject): readonly Found[] {
  const { value } = readIpPool({ ...object, apiVersion: 'projectcalico.org/v3', kind: 'IPPool' });
  return value === undefined || object.metadata.deletionTimestamp ? [] : [{ object, pool: value }];
}

/** The parts, or why there are none. */
function planOf({ name, cidr, blockSize, disabled }: Pool, parts: number): readonly Prefix[] | string {
  if (!disabled)
    return `IPPool ${name} is not disabled: addresses could be given out meanwhile. First: muslinctl patch ippool ${name} -p '{"spec":{"disabled":true}}'`;
  const length = cidr.length + Math.log2(parts);
  if (length > blockSize)
    return `${parts} parts of ${formatPrefix(cidr)} would be smaller than its blocks of /${blockSize}: choose at most ${2 ** (blockSize - cidr.length)}`;
  // A power of two times a small number is exact, however large.
  const size = 2 ** (widthOf(cidr.ip.family) - length);
  return Array.from({ length: parts }, (_, i) => prefix(offsetIp(cidr.ip, i * size), length));
}

async function carryOut(
  ctx: Context,
  client: KubeClient,
  { object, pool }: Found,
  plan: readonly Prefix[],
  all: readonly Found[],
): Promise<ExitCode> {
  const options = { fieldManager: FIELD_MANAGER };
  const { labels } = object.metadata;
  for (const [i, part] of plan.entries()) {
    const name = `${pool.name}-${i}`;
    const there = all.find(each => each.pool.name === name);
    if (there !== undefined && samePrefix(there.pool.cidr, part)) continue;
    if (there !== undefined)
      return ctx.fail(1, `there is another IPPool ${name} already; nothing was deleted`);
    const made = await client.create<AnyObject>(
      RESOURCES.IPPool,
      {
        metadata: { name, ...(labels === undefined ? {} : { labels }) },
        spec: { ...recordAt(object, 'spec'), cidr: formatPrefix(part) },
      } as AnyObject,
      options,
    );
    if (!made.ok) return ctx.fail(1, `IPPool ${name}: ${faultText(made.fault)}; nothing was deleted`);
    ctx.stdout(`IPPool ${name} ${formatPrefix(part)}\n`);
  }
  const gone = await client.delete(RESOURCES.IPPool, { name: pool.name }, {});
  if (!gone.ok && gone.fault.code !== 'NotFound') return ctx.fail(1, faultText(gone.fault));
  ctx.stdout(
    `Successfully split IPPool ${pool.name} into ${plan.length}. The parts are disabled; annotations of pods that name ${pool.name} name nothing now.\n`,
  );
  return 0;
}
