import { ok, type Result } from '@muslin/net';
import type { Api } from '../api.ts';
import { fieldForbidden, fieldUnsupported } from '../field-error.ts';
import { jsonText } from '../json.ts';
import { customResourceDefinition } from '../kinds/custom-resource-definition.ts';
import { apiVersionOf, type Kind } from '../kinds/kind.ts';
import { objectText } from '../kinds/stored-form.ts';
import type { KubeObject } from '../kube-object.ts';
import { withMetadata } from '../kube-object.ts';
import { gone, refuse, type Status } from '../status.ts';
import type { StoreEvent } from '../store/store.ts';
import { invalidListOptions, parseRevision, refusedOptions } from './list.ts';
import { type Presentation, presentOne } from './presentation.ts';
import type { RunningWatch, WatchReply, WatchSink } from './request.ts';
import { readSelection, type Selection } from './selection.ts';

/** Answers a watch (Kubernetes API concepts, Efficient detection of changes; Streaming lists). */
export function watchObjects(
  api: Api,
  kind: Kind,
  namespace: string,
  query: URLSearchParams,
  presentation: Presentation,
): Result<WatchReply, Status> {
  const selection = readSelection(kind, namespace, query);
  if (!selection.ok) return selection;
  const asked = query.get('resourceVersion') ?? '';
  const match = query.get('resourceVersionMatch') ?? '';
  const initial = query.get('sendInitialEvents');
  if (initial !== null && match !== 'NotOlderThan') {
    const why = 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan';
    const causes = [fieldForbidden('resourceVersionMatch', why)];
    if (match !== '') causes.push(fieldUnsupported('resourceVersionMatch', match, ['NotOlderThan']));
    return refuse(refusedOptions(causes));
  }
  if (query.get('continue')) {
    const why = 'resourceVersionMatch is forbidden when continue is provided';
    return refuse(invalidListOptions('resourceVersionMatch', why));
  }
  if (initial === null && match !== '') {
    const why = 'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided';
    return refuse(invalidListOptions('resourceVersionMatch', why));
  }
  const revision = asked === '' ? 0 : parseRevision(asked);
  if (typeof revision !== 'number') return refuse(revision);
  const bookmarks = query.get('allowWatchBookmarks') === 'true' || query.get('allowWatchBookmarks') === '1';
  const seconds = Number(query.get('timeoutSeconds') ?? 0);
  return ok({
    type: 'watch',
    contentType: presentation.contentType,
    timeoutSeconds: seconds > 0 ? seconds : undefined,
    bookmarks,
    open: sink => {
      const watch = new Watch(api, kind, selection.value, presentation, sink);
      const wantsState = initial === 'true' || (initial === null && revision === 0);
      watch.start(
        wantsState ? 'state' : revision === 0 ? api.store.revision : revision,
        initial === 'true' && bookmarks,
      );
      return watch;
    },
  });
}

type EventType = 'ADDED' | 'MODIFIED' | 'DELETED';

function lineOf(type: string, object: string): Buffer {
  return Buffer.from(`{"type":"${type}","object":${object}}\n`);
}

const lines = new WeakMap<
  KubeObject,
  { readonly type: EventType; readonly kind: Kind; readonly bytes: Buffer }
>();

/** The bytes of an event, made once for all who watch: a write to a thousand watches is a thousand sends, no more. */
function sharedLine(type: EventType, kind: Kind, object: KubeObject): Buffer {
  const known = lines.get(object);
  if (known?.type === type && known.kind === kind) return known.bytes;
  const bytes = lineOf(type, objectText(kind, object));
  lines.set(object, { type, kind, bytes });
  return bytes;
}

/** One running watch: remembers only how far it is. */
class Watch implements RunningWatch {
  readonly #api: Api;
  #kind: Kind;
  readonly #selection: Selection;
  readonly #presentation: Presentation;
  readonly #sink: WatchSink;
  readonly #subscriptions: (() => void)[] = [];
  #hasHead = false;
  #from = 0;
  #ended = false;

  constructor(api: Api, kind: Kind, selection: Selection, presentation: Presentation, sink: WatchSink) {
    this.#api = api;
    this.#kind = kind;
    this.#selection = selection;
    this.#presentation = presentation;
    this.#sink = sink;
  }

  /** @param from 'state' sends what is there first; a revision sends what came after it */
  start(from: 'state' | number, markEnd: boolean): void {
    const { store } = this.#api;
    if (from === 'state') {
      for (const [, object] of store.list(this.#kind.storage)) {
        if (this.#selection.matches(object)) this.#send('ADDED', object);
      }
      this.#from = store.revision;
      if (markEnd) this.#sendBookmark({ 'k8s.io/initial-events-end': 'true' });
    } else {
      const missed = store.history.since(from);
      if (missed === undefined) {
        const status = gone(`too old resource version: ${from} (${store.history.oldest})`);
        this.#sink.line(lineOf('ERROR', jsonText(status)));
        this.#finish();
        return;
      }
      this.#from = from;
      for (const event of missed) this.#deliver(event);
    }
    const { builtIn, storage } = this.#kind;
    this.#subscriptions.push(store.subscribe(event => this.#deliver(event), storage));
    if (builtIn) return;
    this.#subscriptions.push(store.subscribe(() => this.#refresh(), customResourceDefinition.storage));
  }

  /** After a definition changed, objects read by its new schema; a watch ends with its kind. */
  #refresh(): void {
    const { group, version, plural } = this.#kind;
    const now = this.#api.registry.find(group, version, plural);
    if (now === undefined) this.#finish();
    else this.#kind = now;
  }

  bookmark(): void {
    if (!this.#ended) this.#sendBookmark(undefined);
  }

  close(): void {
    this.#finish();
  }

  #finish(): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const stop of this.#subscriptions) stop();
    this.#sink.end();
  }

  /** A write as seen through the selection: entering it is ADDED, leaving it DELETED with the state before. */
  #deliver(event: StoreEvent): void {
    if (event.storage !== this.#kind.storage || event.revision <= this.#from || this.#ended) return;
    const { object, previous } = event;
    const was = previous !== undefined && this.#selection.matches(previous);
    const is = event.type !== 'DELETED' && this.#selection.matches(object);
    if (was && is) this.#send('MODIFIED', object);
    else if (is) this.#send('ADDED', object);
    else if (was) {
      const last = event.type === 'DELETED' ? object : previous;
      this.#send('DELETED', withMetadata(last, { resourceVersion: String(event.revision) }));
    }
  }

  #send(type: EventType, object: KubeObject): void {
    if (this.#presentation.form === 'object') {
      this.#sink.line(sharedLine(type, this.#kind, object));
      return;
    }
    const text = presentOne(this.#kind, object, this.#presentation, this.#api.now(), !this.#hasHead);
    this.#hasHead = true;
    this.#sink.line(lineOf(type, text));
  }

  #sendBookmark(annotations: Readonly<Record<string, string>> | undefined): void {
    const revision = Math.max(this.#api.store.revision, this.#from);
    const metadata = {
      resourceVersion: String(revision),
      ...(annotations === undefined ? {} : { annotations }),
    };
    const { form } = this.#presentation;
    const object =
      form === 'table'
        ? { kind: 'Table', apiVersion: 'meta.k8s.io/v1', metadata, columnDefinitions: [], rows: [] }
        : form === 'metadata'
          ? { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata }
          : { kind: this.#kind.kind, apiVersion: apiVersionOf(this.#kind), metadata };
    this.#sink.line(lineOf('BOOKMARK', jsonText(object)));
  }
}
