import { fail, ok, parseJson, type Result } from '@muslin/net';
import { faultFromAnswer, isStatus, type KubeFault, localFault } from './kube-fault.ts';
import type { KubeObject } from './kube-object.ts';

/** One line of a watch (meta/v1 WatchEvent). */
export type WatchEvent<T extends KubeObject = KubeObject> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: T }
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string; readonly initialEventsEnd: boolean };

const decoder = new TextDecoder();

/** Reads one line. An ERROR event is the fault that its Status means; anything unknown is `Unreachable`. */
export function parseWatchLine<T extends KubeObject>(
  line: Uint8Array,
  request: string,
): Result<WatchEvent<T>, KubeFault> {
  let value: unknown;
  try {
    value = parseJson(decoder.decode(line));
  } catch {
    return fail(localFault('Unreachable', request, 'a watch event is not JSON', 'BadEvent'));
  }
  const { type, object } = (value ?? {}) as { type?: unknown; object?: KubeObject };
  if (type === 'ERROR') {
    const code = isStatus(object) && typeof object.code === 'number' ? object.code : 500;
    return fail(faultFromAnswer(request, code, object));
  }
  const version = object?.metadata?.resourceVersion;
  if (object === undefined || typeof version !== 'string')
    return fail(localFault('Unreachable', request, 'a watch event has no resourceVersion', 'BadEvent'));
  switch (type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
      return ok({ type, object: object as T });
    case 'BOOKMARK':
      return ok({
        type,
        resourceVersion: version,
        initialEventsEnd: object.metadata.annotations?.['k8s.io/initial-events-end'] === 'true',
      });
    default:
      return fail(localFault('Unreachable', request, 'a watch event has an unknown type', 'BadEvent'));
  }
}
