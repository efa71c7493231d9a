import type { Message } from '../wire/message.ts';
import type { RouteRefreshMessage } from '../wire/route-refresh.ts';
import type { UpdateMessage } from '../wire/update.ts';
import type { Negotiated } from './negotiation.ts';
import type { EndReason, SessionTimer } from './session-state.ts';

/** What a session wants done. Times in seconds. */
export type SessionEffect =
  | { readonly kind: 'dial' }
  /** Close the TCP connection, or give up making it. */
  | { readonly kind: 'hangUp' }
  | { readonly kind: 'send'; readonly message: Message }
  | { readonly kind: 'setTimer'; readonly timer: SessionTimer; readonly after: number }
  | { readonly kind: 'clearTimer'; readonly timer: SessionTimer }
  | { readonly kind: 'established'; readonly negotiated: Negotiated }
  /** Hand a message to the RIB. */
  | { readonly kind: 'deliver'; readonly message: UpdateMessage | RouteRefreshMessage }
  /** A connection that had got at least an OPEN from us is over; `established` tells whether routes were at stake. */
  | { readonly kind: 'ended'; readonly reason: EndReason; readonly established: boolean };
