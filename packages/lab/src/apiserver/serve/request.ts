import type { User } from '../api.ts';
import { type JsonObject, jsonText } from '../json.ts';
import type { Status } from '../status.ts';

/** One HTTP request, read completely. Header values are as sent, '' when absent. */
export interface ApiRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly accept: string;
  readonly contentType: string;
  readonly userAgent: string;
  readonly body: string;
  readonly user: User;
}

/** A complete answer. */
export interface Reply {
  readonly type: 'reply';
  readonly code: number;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body: string;
}

/** Where a running watch writes. */
export interface WatchSink {
  /** One JSON text with its line end. */
  line(bytes: Uint8Array): void;
  end(): void;
}

/** A watch that runs until its client goes, its time is up or it falls behind. */
export interface RunningWatch {
  /** Tells the client how far it is; called from time to time when it asked for bookmarks. */
  bookmark(): void;
  close(): void;
}

/** An answer that goes on: the shell gives it a sink and a clock. */
export interface WatchReply {
  readonly type: 'watch';
  readonly contentType: string;
  /** Seconds after which the server ends it; undefined when the client named none. */
  readonly timeoutSeconds: number | undefined;
  readonly bookmarks: boolean;
  open(sink: WatchSink): RunningWatch;
}

export type ApiResponse = Reply | WatchReply;

export const JSON_TYPE = 'application/json';

export function replyText(code: number, body: string): Reply {
  return {
    type: 'reply',
    code,
    headers: {
      'content-type': JSON_TYPE,
      'cache-control': 'no-cache, private',
    },
    body,
  };
}

/** The same answer with what the client had better know (RFC 7234 §5.5). */
export function withWarnings(reply: Reply, warnings: readonly string[]): Reply {
  if (warnings.length === 0) return reply;
  const warning = warnings.map(text => `299 - ${JSON.stringify(text)}`);
  return { ...reply, headers: { ...reply.headers, warning } };
}

export function replyJson(code: number, body: JsonObject): Reply {
  return replyText(code, jsonText(body));
}

export function replyStatus(status: Status): Reply {
  const reply = replyJson(status.code, status);
  const retry = status.details?.['retryAfterSeconds'];
  return retry === undefined
    ? reply
    : { ...reply, headers: { ...reply.headers, 'retry-after': String(retry) } };
}

export function replyPlain(code: number, body: string, contentType = 'text/plain; charset=utf-8'): Reply {
  return {
    type: 'reply',
    code,
    headers: { 'content-type': contentType, 'x-content-type-options': 'nosniff' },
    body,
  };
}
