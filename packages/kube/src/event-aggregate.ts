import type { KubeObject } from './kube-object.ts';

/** Something worth telling about an object. */
export interface Note {
  /** The object it is about. */
  readonly about: {
    readonly apiVersion: string;
    readonly kind: string;
    readonly name: string;
    readonly namespace?: string;
    readonly uid?: string;
    /** A part of it: `spec.containers{app}`. */
    readonly fieldPath?: string;
  };
  readonly type: 'Normal' | 'Warning';
  /** CamelCase, for machines. */
  readonly reason: string;
  /** For people. At most 1,024 bytes are kept (Event v1 message). */
  readonly message: string;
}

/** A core v1 Event, as written. */
export interface KubeEvent extends KubeObject {
  readonly involvedObject: Note['about'];
  readonly type: string;
  readonly reason: string;
  readonly message: string;
  readonly count: number;
  readonly firstTimestamp: string;
  readonly lastTimestamp: string;
  readonly source: { readonly component: string; readonly host?: string };
  readonly reportingComponent: string;
  readonly reportingInstance: string;
}

/** Who tells. */
export interface Reporter {
  readonly component: string;
  /** Node or pod name. */
  readonly instance: string;
}

/** What was told lately, by note; a value. */
export interface AggregateState {
  readonly told: ReadonlyMap<string, Told>;
  /** Tokens left for each object, against floods. */
  readonly budget: ReadonlyMap<string, { readonly tokens: number; readonly at: number }>;
}

interface Told {
  readonly name: string;
  readonly namespace: string;
  readonly count: number;
  readonly lastAt: number;
}

/** What to do with a note. */
export type EventEffect =
  | { readonly type: 'create'; readonly event: KubeEvent }
  | {
      readonly type: 'count';
      readonly namespace: string;
      readonly name: string;
      readonly count: number;
      readonly lastTimestamp: string;
      /** Written when the counted event has meanwhile expired. */
      readonly event: KubeEvent;
    }
  | { readonly type: 'drop'; readonly why: 'flood' };

/** Nothing told yet. */
export const NOTHING_TOLD: AggregateState = { told: new Map(), budget: new Map() };

/** A repeat within this time raises the count of the first event. */
const REPEAT_MS = 600_000;
/** Events at once for one object, and ms until one more is allowed: as Kubernetes' own recorder. */
const BURST = 25;
const REFILL_MS = 300_000;
/** Notes remembered; the oldest go first. */
const MEMORY = 4_096;

/** Folds repeats into counts and floods into nothing. `now` in ms since the epoch. */
export function aggregate(
  state: AggregateState,
  note: Note,
  reporter: Reporter,
  now: number,
): { readonly state: AggregateState; readonly effect: EventEffect } {
  const { about, type, reason } = note;
  const object = [about.kind, about.namespace ?? '', about.name, about.uid ?? ''].join('/');
  const message = note.message.length > 1_000 ? `${note.message.slice(0, 1_000)}…` : note.message;
  const key = [object, about.fieldPath ?? '', type, reason, message].join('\n');
  const purse = state.budget.get(object) ?? { tokens: BURST, at: now };
  const tokens = Math.min(BURST, purse.tokens + (now - purse.at) / REFILL_MS);
  if (tokens < 1) return { state, effect: { type: 'drop', why: 'flood' } };
  const before = state.told.get(key);
  const repeat = before !== undefined && now - before.lastAt < REPEAT_MS ? before : undefined;
  const namespace = about.namespace ?? 'default';
  // Named as Kubernetes' recorder does: object name and time in hex.
  const name =
    repeat?.name ?? `${about.name}.${Math.round(now * 1e6).toString(16)}${state.told.size.toString(16)}`;
  const count = (repeat?.count ?? 0) + 1;
  const told = remember(state.told, key, { name, namespace, count, lastAt: now });
  const budget = remember(state.budget, object, { tokens: tokens - 1, at: now });
  const stamp = new Date(now).toISOString().replace(/\.\d+Z$/, 'Z');
  const event: KubeEvent = {
    metadata: { name, namespace },
    involvedObject: about,
    type,
    reason,
    message,
    count,
    firstTimestamp: stamp,
    lastTimestamp: stamp,
    source: { component: reporter.component, host: reporter.instance },
    reportingComponent: reporter.component,
    reportingInstance: reporter.instance,
  };
  const effect: EventEffect =
    repeat === undefined
      ? { type: 'create', event }
      : { type: 'count', namespace, name, count, lastTimestamp: stamp, event };
  return { state: { told, budget }, effect };
}

function remember<V>(map: ReadonlyMap<string, V>, key: string, value: V): ReadonlyMap<string, V> {
  const next = new Map(map);
  next.delete(key);
  next.set(key, value);
  for (const oldest of next.keys()) {
    if (next.size <= MEMORY) break;
    next.delete(oldest);
  }
  return next;
}
