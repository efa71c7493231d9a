/** One cause of a refusal (meta/v1 StatusCause). */
export interface StatusCause {
  readonly reason?: string;
  readonly message?: string;
  /** Path in the object: `spec.cidr`. */
  readonly field?: string;
}

/** What the server says about the object at fault (meta/v1 StatusDetails). */
export interface StatusDetails {
  readonly name?: string;
  readonly group?: string;
  readonly kind?: string;
  readonly uid?: string;
  readonly causes?: readonly StatusCause[];
  readonly retryAfterSeconds?: number;
}

interface FaultFacts {
  /** For people: what was asked, and what the server (or the network) answered. Never holds credentials. */
  readonly message: string;
  /** `GET /api/v1/pods`, without the query. */
  readonly request: string;
  /** HTTP status; undefined when no answer came. */
  readonly status?: number;
  /** meta/v1 Status reason, or the network's code: `ECONNREFUSED`. */
  readonly reason?: string;
  readonly details?: StatusDetails;
}

/** Why a call to the API server gave no object. */
export type KubeFault =
  | (FaultFacts & {
      readonly code:
        | 'NotFound'
        /** The object changed since it was read, or a field belongs to another manager. */
        | 'Conflict'
        | 'AlreadyExists'
        /** 400 or 422: the object or the request is wrong. */
        | 'Invalid'
        | 'Forbidden'
        | 'Unauthorized'
        /** The version or page asked for is no longer known: list again. */
        | 'Gone'
        /** The request is too large for the server, or the answer for us. */
        | 'TooLarge'
        | 'Timeout'
        /** No connection, no trust, a broken answer, or a proxy that reached no server. */
        | 'Unreachable'
        /** The caller's signal was aborted. */
        | 'Aborted'
        | 'Other';
    })
  | (FaultFacts & {
      readonly code: 'Throttled';
      /** Seconds to wait before the next try, at least. */
      readonly retryAfter: number;
    });

/** Words for what happened to a call. */
export type KubeFaultCode = KubeFault['code'];

const BY_STATUS: Readonly<Record<number, Exclude<KubeFaultCode, 'Throttled'>>> = {
  400: 'Invalid',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  408: 'Timeout',
  409: 'Conflict',
  410: 'Gone',
  413: 'TooLarge',
  422: 'Invalid',
  502: 'Unreachable',
  503: 'Unreachable',
  504: 'Timeout',
};

interface StatusBody {
  readonly kind?: unknown;
  readonly message?: unknown;
  readonly reason?: unknown;
  readonly code?: unknown;
  readonly details?: StatusDetails | null;
}

/** Whether a value is a meta/v1 Status. */
export function isStatus(value: unknown): value is StatusBody {
  return typeof value === 'object' && value !== null && (value as StatusBody).kind === 'Status';
}

/**
 * The fault that an answer means. `body` is the parsed JSON or the text; `retryAfter` the Retry-After header in
 * seconds. A meta/v1 Status is believed; anything else came from something in between and is only quoted.
 */
export function faultFromAnswer(
  request: string,
  status: number,
  body: unknown,
  retryAfter?: number,
): KubeFault {
  const answer: StatusBody = isStatus(body) ? body : {};
  const reason = typeof answer.reason === 'string' ? answer.reason : undefined;
  const details = answer.details ?? undefined;
  const said = typeof answer.message === 'string' ? answer.message : quote(body);
  const facts = {
    request,
    status,
    message: `${request}: ${status}${reason === undefined ? '' : ` ${reason}`}${said === '' ? '' : `: ${said}`}`,
    ...(reason === undefined ? {} : { reason }),
    ...(details === undefined ? {} : { details }),
  };
  const wait = retryAfter ?? details?.retryAfterSeconds;
  if (status === 429 || (status === 503 && wait !== undefined))
    return { ...facts, code: 'Throttled', retryAfter: Math.max(0, wait ?? 1) };
  if (status === 409 && reason === 'AlreadyExists') return { ...facts, code: 'AlreadyExists' };
  return { ...facts, code: BY_STATUS[status] ?? 'Other' };
}

/** A fault without an answer of the server. */
export function localFault(
  code: 'Timeout' | 'Unreachable' | 'Aborted' | 'TooLarge' | 'Unauthorized' | 'Other',
  request: string,
  why: string,
  reason?: string,
): KubeFault {
  return { code, request, message: `${request}: ${why}`, ...(reason === undefined ? {} : { reason }) };
}

function quote(body: unknown): string {
  if (typeof body !== 'string') return '';
  const line = body.trim().split('\n', 1)[0] ?? '';
  return line.length > 200 ? `${line.slice(0, 200)}…` : line;
}

/** Whether trying again later may help without anybody changing anything. */
export function isPassing(fault: KubeFault): boolean {
  return ['Timeout', 'Unreachable', 'Throttled', 'Other'].includes(fault.code);
}
