import { fail, type Result } from '@muslin/net';
import type { Deadline } from './deadline.ts';
import { type KubeFault, localFault } from './kube-fault.ts';
import type { KubeObject } from './kube-object.ts';
import { LineSplitter } from './lines.ts';
import type { WatchQuery } from './query.ts';
import { type HttpAnswer, networkFault } from './transport.ts';
import { parseWatchLine, type WatchEvent } from './watch-event.ts';

/** Events as they come; a fault is always the last element. Leaving the loop closes the connection. */
export type WatchStream<T extends KubeObject> = AsyncGenerator<Result<WatchEvent<T>, KubeFault>, void>;

/** Longest watch line: an object of the largest size that etcd stores (1.5 MiB), escaped, with room. */
const LINE_LIMIT = 16 << 20;

/** Servers close a watch after `timeoutSeconds`; silence past that and this much more means a half-open connection. */
const GRACE_MS = 15_000;

/** Reads a watch answer line by line. */
export async function* watchStream<T extends KubeObject>(
  name: string,
  answer: HttpAnswer,
  deadline: Deadline,
  query: WatchQuery,
): WatchStream<T> {
  const idleMs = query.idleMs ?? (query.timeoutSeconds ?? 600) * 1000 + GRACE_MS;
  const silence = `no byte for ${idleMs} ms: the connection is half-open`;
  const lines = new LineSplitter(query.maxLineBytes ?? LINE_LIMIT);
  try {
    deadline.extend(idleMs, silence);
    for await (const chunk of answer.body) {
      deadline.extend(idleMs, silence);
      for (const step of lines.push(chunk)) {
        if ('tooLong' in step) {
          yield fail(localFault('TooLarge', name, `a watch event is longer than ${step.tooLong} bytes`));
          return;
        }
        const event = parseWatchLine<T>(step.line, name);
        yield event;
        if (!event.ok) return;
      }
    }
    if (lines.pending > 0)
      yield fail(localFault('Unreachable', name, 'the watch ended within an event', 'BadEvent'));
  } catch (error) {
    yield fail(deadline.explain(networkFault(name, error)));
  } finally {
    deadline.end();
    answer.body.destroy();
  }
}
