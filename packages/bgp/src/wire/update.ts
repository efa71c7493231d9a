import { ByteReader, fail, ok, type Result } from '@muslin/net';
import { checkPresence, encodesRoutes, readAttributes } from './attribute-list.ts';
import type { PathAttributes } from './attributes.ts';
import { ERROR_CODES } from './error-code.ts';
import { type AttributeFault, type ResetFault, resetFault } from './fault.ts';
import type { MpReach } from './mp-reach.ts';
import { emptyNlri, type NlriBlock, nlriFault } from './nlri.ts';
import type { WireOptions } from './options.ts';
import type { RouteFamily } from './route-family.ts';

/** UPDATE (RFC 4271 §4.3, RFC 4760). Blocks are views of the received bytes. */
export interface UpdateMessage {
  readonly kind: 'update';
  readonly withdrawn: NlriBlock;
  readonly announced: NlriBlock;
  readonly mpReach?: MpReach;
  readonly mpUnreach?: NlriBlock;
  readonly attributes: PathAttributes;
  /** What was wrong and survived; with one `withdraw` the announced routes count as withdrawn (RFC 7606 §3 h). */
  readonly faults: readonly AttributeFault[];
}

const updateFault = (subcode: number, message: string, rfc: string) =>
  resetFault(ERROR_CODES.update.code, subcode, message, rfc);

/** Reads an UPDATE body. The fault is only for what the session can't survive (RFC 7606). */
export function decodeUpdate(body: Uint8Array, options: WireOptions): Result<UpdateMessage, ResetFault> {
  const reader = new ByteReader(body);
  const withdrawnBytes = reader.take(reader.u16());
  const attributeBytes = reader.overrun ? withdrawnBytes : reader.take(reader.u16());
  if (reader.overrun) {
    return fail(updateFault(1, 'the lengths inside the UPDATE exceed the message', 'RFC 7606 §3 b'));
  }
  const addPath = options.addPath['ipv4-unicast'];
  const block = (bytes: Uint8Array): NlriBlock => ({ family: 'ipv4-unicast', addPath, bytes });
  const withdrawn = block(withdrawnBytes);
  const announced = block(reader.take(reader.left));
  for (const [name, routes] of [
    ['withdrawn routes', withdrawn],
    ['NLRI', announced],
  ] as const) {
    const wrong = nlriFault(routes);
    if (wrong !== undefined) return fail(updateFault(10, `in the ${name}, ${wrong}`, 'RFC 7606 §3 j, §5.3'));
  }
  const list = readAttributes(attributeBytes, options);
  if (!list.ok) return list;
  const { attributes, mpReach, mpUnreach, faults } = list.value;
  if (!options.families['ipv4-unicast'] && (withdrawn.bytes.length > 0 || announced.bytes.length > 0)) {
    faults.push({
      severity: 'discard',
      attribute: 0,
      message: 'IPv4 routes were not agreed on and are ignored',
      rfc: 'RFC 4760 §6',
    });
  }
  checkPresence(list.value, announced);
  const reachable = announced.bytes.length > 0 || encodesRoutes(list.value);
  const worst = faults.find(fault => fault.severity === 'withdraw');
  // Without announced routes nobody knows what the attributes were for, so perhaps routes were misread.
  if (!reachable && worst !== undefined && list.value.otherSeen) {
    return fail(updateFault(1, worst.message, 'RFC 7606 §5.2'));
  }
  return ok({
    kind: 'update',
    withdrawn: options.families['ipv4-unicast'] ? withdrawn : emptyNlri('ipv4-unicast'),
    announced: options.families['ipv4-unicast'] ? announced : emptyNlri('ipv4-unicast'),
    ...(mpReach !== undefined && { mpReach }),
    ...(mpUnreach !== undefined && { mpUnreach }),
    attributes,
    faults,
  });
}

/** Whether the announced routes must be treated as withdrawn (RFC 7606 §2). */
export function isWithdraw(update: UpdateMessage): boolean {
  return update.faults.some(fault => fault.severity === 'withdraw');
}

/** The family whose initial routes are complete, when this UPDATE is such a marker (RFC 4724 §2). */
export function endOfRib(update: UpdateMessage): RouteFamily | undefined {
  if (update.withdrawn.bytes.length > 0 || update.announced.bytes.length > 0 || update.faults.length > 0)
    return undefined;
  if (update.mpReach !== undefined || Object.keys(update.attributes).length > 0) return undefined;
  if (update.mpUnreach === undefined) return 'ipv4-unicast';
  return update.mpUnreach.bytes.length === 0 ? update.mpUnreach.family : undefined;
}
