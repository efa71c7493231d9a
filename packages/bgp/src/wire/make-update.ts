import type { Prefix } from '@muslin/net';
import type { PathAttributes } from './attributes.ts';
import { emptyNlri, type NlriBlock, packNlri } from './nlri.ts';
import { familyRow, type RouteFamily } from './route-family.ts';
import type { UpdateMessage } from './update.ts';

const NOTHING = { kind: 'update', attributes: {}, faults: [] } as const;
const none = () => emptyNlri('ipv4-unicast');

/**
 * An UPDATE that announces prefixes of one family with these attributes, for `encodeMessage`. IPv6 routes, and IPv4 routes whose next
 * hop is an IPv6 address, go in MP_REACH_NLRI (RFC 4760 §3, RFC 8950). `pathId` is for sessions with add-path (RFC 7911).
 */
export function announcement(
  prefixes: readonly Prefix[],
  attributes: PathAttributes,
  pathId?: number,
): UpdateMessage {
  const nlri = blockOf(prefixes, pathId);
  const { nextHop, ...others } = attributes;
  if (nextHop === undefined || (nlri.family === 'ipv4-unicast' && nextHop.ip.family === 4))
    return { ...NOTHING, withdrawn: none(), announced: nlri, attributes };
  const mpReach = { nextHop, nlri };
  return { ...NOTHING, withdrawn: none(), announced: none(), mpReach, attributes: others };
}

/** An UPDATE that withdraws prefixes of one family. */
export function withdrawal(prefixes: readonly Prefix[], pathId?: number): UpdateMessage {
  const nlri = blockOf(prefixes, pathId);
  return nlri.family === 'ipv4-unicast'
    ? { ...NOTHING, withdrawn: nlri, announced: none() }
    : { ...NOTHING, withdrawn: none(), announced: none(), mpUnreach: nlri };
}

/** The UPDATE that says that all routes of a family have been told (RFC 4724 §2). */
export function endOfRibMarker(family: RouteFamily): UpdateMessage {
  const nothing = { ...NOTHING, withdrawn: none(), announced: none() };
  return family === 'ipv4-unicast' ? nothing : { ...nothing, mpUnreach: emptyNlri(family) };
}

function blockOf(prefixes: readonly Prefix[], pathId: number | undefined): NlriBlock {
  const width = prefixes[0]?.ip.family === 6 ? 6 : 4;
  const family: RouteFamily = width === 6 ? 'ipv6-unicast' : 'ipv4-unicast';
  if (prefixes.some(({ ip }) => ip.family !== familyRow(family).ip))
    throw new Error('an UPDATE of this kind has prefixes of one family: make one for each');
  const routes = prefixes.map(prefix => ({ prefix, pathId: pathId ?? 0 }));
  return packNlri(family, routes, pathId !== undefined);
}
