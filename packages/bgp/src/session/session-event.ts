import type { ResetFault } from '../wire/fault.ts';
import type { NotificationMessage } from '../wire/notification.ts';
import type { OpenMessage } from '../wire/open.ts';
import type { RouteRefreshMessage } from '../wire/route-refresh.ts';
import type { UpdateMessage } from '../wire/update.ts';
import type { SessionTimer } from './session-state.ts';

/** What can happen to a session; the numbers are those of RFC 4271 §8.1. */
export type SessionEvent =
  /** 1, 3–7: an operator, or the program, wants the session. */
  | { readonly kind: 'start' }
  /** 2, 8: and no longer wants it. `notification` missing: close without a word, so that the peer keeps our routes (RFC 4724). */
  | {
      readonly kind: 'stop';
      readonly notification?: NotificationMessage;
      readonly message: string;
      /** Seconds until the session starts again by itself. */
      readonly restartAfter?: number;
    }
  /** 9–13 and RFC 9687. */
  | { readonly kind: 'timerFired'; readonly timer: SessionTimer }
  /** 16, 17: a TCP connection is there. */
  | { readonly kind: 'connected' }
  /** 18: it could not be made, or it ended. */
  | { readonly kind: 'closed'; readonly message: string }
  /** 23: the other connection to the same peer was kept (RFC 4271 §6.8). */
  | { readonly kind: 'collisionLost' }
  /** The peer calls anew, so it gave this connection up. */
  | { readonly kind: 'replaced' }
  /** 19, 22: an OPEN arrived; the machine judges it. */
  | { readonly kind: 'open'; readonly message: OpenMessage }
  /** 24, 25. */
  | { readonly kind: 'notification'; readonly message: NotificationMessage }
  /** 26. */
  | { readonly kind: 'keepalive' }
  /** 27. */
  | { readonly kind: 'update'; readonly message: UpdateMessage }
  /** RFC 2918. */
  | { readonly kind: 'route-refresh'; readonly message: RouteRefreshMessage }
  /** 21, 22, 28: bytes that the session can't survive. */
  | { readonly kind: 'fault'; readonly fault: ResetFault };
