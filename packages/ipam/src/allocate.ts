import { fail, type Family, ok, parsePrefix, prefixCovers, type Result, sameIp } from '@muslin/net';
import { assignAny } from './assign-any.ts';
import { assignExactly } from './assign-exactly.ts';
import { addressesOf } from './block.ts';
import { blockFromSpec } from './block-spec.ts';
import type { IpamFault, Reason } from './fault.ts';
import { handleFromSpec } from './handle.ts';
import { type Machine, machine, type Program } from './machine.ts';
import { blockName, handleName } from './names.ts';
import { releaseAddress } from './release-address.ts';
import type { AllocatedAddress, Allocation, AllocationRequest } from './request.ts';
import { readOne } from './store.ts';

/**
 * Gives a handle one address of each family, all or none. What the handle already holds (an earlier try that crashed
 * or whose answer was lost) is given again. On a refusal, addresses of this try are released; when the store fails,
 * or the program dies, they stay and the handle names them: repeat the request or release the handle.
 */
export function allocate(request: AllocationRequest): Machine<Allocation> {
  return machine(() => allocating(request));
}

function* allocating(request: AllocationRequest): Program<Result<Allocation, IpamFault>> {
  const tried: Reason[] = [];
  const earlier = yield* earlierAddresses(request);
  if (!earlier.ok) return earlier;
  const addresses: AllocatedAddress[] = [];
  for (const family of familiesOf(request)) {
    const wanted = request.ips?.find(ip => ip.family === family);
    const had = earlier.value.find(({ ip }) =>
      wanted === undefined ? ip.family === family : sameIp(ip, wanted),
    );
    const got: Result<AllocatedAddress, IpamFault> =
      had !== undefined
        ? ok(had)
        : wanted === undefined
          ? yield* assignAny(request, family, tried)
          : yield* assignExactly(request, wanted, tried);
    if (!got.ok) {
      yield* takeBack(request, addresses);
      return got;
    }
    addresses.push(got.value);
  }
  return ok({ addresses, tried });
}

function familiesOf(request: AllocationRequest): readonly Family[] {
  const asked = (request.ips ?? []).map(ip => ip.family);
  return [...new Set([...request.families, ...asked])];
}

/** What this handle holds already. */
function* earlierAddresses(
  request: AllocationRequest,
): Program<Result<readonly AllocatedAddress[], IpamFault>> {
  const held = yield* readOne('IPAMHandle', handleName(request.handleId), handleFromSpec);
  if (!held.ok) return held;
  const found: AllocatedAddress[] = [];
  for (const text of held.value?.value.blocks.keys() ?? []) {
    const cidr = parsePrefix(text);
    if (!cidr.ok) continue;
    const block = yield* readOne('IPAMBlock', blockName(cidr.value), blockFromSpec);
    if (!block.ok) return block;
    if (block.value === undefined) continue;
    const pool = request.pools.find(candidate => prefixCovers(candidate.cidr, cidr.value))?.name;
    for (const { ip, attribute, sequence } of addressesOf(block.value.value))
      if (attribute.handleId === request.handleId)
        found.push({ ip, block: cidr.value, pool, how: 'repeated', sequence });
  }
  return ok(found);
}

/** Releases what this try has assigned so far. */
function* takeBack(
  request: AllocationRequest,
  addresses: readonly AllocatedAddress[],
): Program<Result<void, IpamFault>> {
  const { handleId, now } = request;
  for (const { ip, block, sequence, how } of addresses) {
    if (how === 'repeated') continue;
    const expected = { handleId, ...(sequence === undefined ? {} : { sequence }) };
    // The pod never used it, so nothing needs to cool down.
    const done = yield* releaseAddress(block, ip, expected, { now, cooldownMs: 0 });
    if (!done.ok && done.fault.code !== 'stale') return fail(done.fault);
  }
  return ok(undefined);
}
