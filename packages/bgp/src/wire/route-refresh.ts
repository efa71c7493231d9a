import { fail, ok, type Result } from '@muslin/net';
import { ERROR_CODES } from './error-code.ts';
import { type ResetFault, resetFault } from './fault.ts';
import { HEADER_LENGTH } from './framer.ts';

/** ROUTE-REFRESH (RFC 2918 §3). `subtype` 0 asks, 1 begins and 2 ends a refresh (RFC 7313 §3.2). */
export interface RouteRefreshMessage {
  readonly kind: 'route-refresh';
  readonly afi: number;
  readonly safi: number;
  readonly subtype: number;
}

/** Reads a ROUTE-REFRESH body. A wrong length has its own error code, with the whole message as data (RFC 7313 §5). */
export function decodeRouteRefresh(body: Uint8Array): Result<RouteRefreshMessage, ResetFault> {
  if (body.length !== 4) {
    const data = new Uint8Array(HEADER_LENGTH + body.length).fill(0xff, 0, 16);
    data.set([data.length >> 8, data.length & 0xff, 5], 16);
    data.set(body, HEADER_LENGTH);
    const message = `a ROUTE-REFRESH has 23 octets, this one ${data.length}`;
    return fail(resetFault(ERROR_CODES.routeRefresh.code, 1, message, 'RFC 7313 §5', data));
  }
  const [a = 0, b = 0, subtype = 0, safi = 0] = body;
  return ok({ kind: 'route-refresh', afi: (a << 8) | b, safi, subtype });
}

/** Writes a ROUTE-REFRESH body. */
export function encodeRouteRefresh(message: RouteRefreshMessage): Uint8Array {
  return Uint8Array.of(message.afi >> 8, message.afi & 0xff, message.subtype, message.safi);
}
