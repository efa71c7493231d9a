import type { Direction, MemberSet, SetId } from '@muslin/api';
import type { Family } from '@muslin/net';
import { MEMBER_PROTOCOL } from '../ir/set-lookup.ts';
import { type DerivedSet, sourceOf, taken } from '../lookups/derived-set.ts';
import { allowedBy, type Subject } from './counted.ts';

/**
 * Which rule brings a member into a derived set: the first whose peer has it. A prefix that another one covers in the
 * kernel counts for that one. `member` is in the words of either back end.
 */
export function ownerOf(
  member: string,
  { parts }: DerivedSet,
  direction: Direction,
  sets: ReadonlyMap<SetId, MemberSet>,
  family: Family,
): Subject {
  const plain = plainMember(member);
  const comma = plain.indexOf(',');
  const [address, ending] = comma < 0 ? [plain, ''] : [plain.slice(0, comma), plain.slice(comma)];
  for (const { from, take, owners } of parts) {
    const rule = owners.get(ending);
    if (rule !== undefined && taken(sourceOf(from, sets), take, family).has(address))
      return allowedBy(rule, direction);
  }
  return { kind: 'several', direction };
}

/** `10.0.0.1 . 6 . 80` as `10.0.0.1,tcp:80`. */
function plainMember(member: string): string {
  const [address = '', protocol, port] = member.split(' . ');
  if (port === undefined) return member;
  return `${address},${MEMBER_PROTOCOL.get(Number(protocol)) ?? protocol}:${port}`;
}
