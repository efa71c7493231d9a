import type { Note } from '@muslin/kube';
import type { CniHandler } from './cni-server.ts';
import { CNI_CODE } from './cni-fault.ts';

/** Where requests are counted, by command and what they came to. */
export interface RequestCounter {
  inc(labels: { readonly command: string; readonly outcome: string }): void;
}

const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(CNI_CODE).map(([name, code]) => [code, name]),
);

/** What a request came to, as a label: a name of `CNI_CODE`, `ok`, or `other` for a delegated plugin's own codes. */
export function outcomeOf(code: number | undefined): string {
  return code === undefined ? 'ok' : (NAMES.get(code) ?? 'other');
}

/**
 * Counts what requests come to, and tells of pods that get no network for a reason which does not pass by itself: the
 * runtime tells it as well, among much else.
 */
export function counted(handle: CniHandler, counter: RequestCounter, tell: (note: Note) => void): CniHandler {
  return async request => {
    const { command, pod } = request;
    const done = await handle(request);
    counter.inc({ command, outcome: outcomeOf(done.ok ? undefined : done.fault.code) });
    if (done.ok || command !== 'ADD' || pod === undefined || done.fault.code === CNI_CODE.tryAgain)
      return done;
    const { namespace, name, uid } = pod;
    tell({
      about: { apiVersion: 'v1', kind: 'Pod', namespace, name, ...(uid !== undefined && { uid }) },
      type: 'Warning',
      reason: 'NetworkRefused',
      message: done.fault.message,
    });
    return done;
  };
}
