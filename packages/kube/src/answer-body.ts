import { fail, ok, parseJson, type Result } from '@muslin/net';
import { faultFromAnswer, type KubeFault, localFault } from './kube-fault.ts';
import type { KubeList } from './kube-object.ts';
import { joinBytes } from './lines.ts';
import { type HttpAnswer, networkFault } from './transport.ts';

/** Reads an answer to its end, up to `maxBytes`. */
export async function readText(
  name: string,
  answer: HttpAnswer,
  maxBytes: number,
): Promise<Result<string, KubeFault>> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of answer.body) {
      size += chunk.length;
      if (size > maxBytes)
        return fail(localFault('TooLarge', name, `the answer is longer than ${maxBytes} bytes`));
      chunks.push(chunk);
    }
  } catch (error) {
    return fail(networkFault(name, error));
  }
  return ok(new TextDecoder().decode(joinBytes(chunks, size)));
}

/** The fault that an answer other than 2xx means. */
export async function readRefusal(name: string, answer: HttpAnswer, maxBytes: number): Promise<KubeFault> {
  const text = await readText(name, answer, maxBytes);
  const wait = Number.parseFloat(String(answer.headers['retry-after'] ?? ''));
  const retryAfter = Number.isFinite(wait) ? wait : undefined;
  return faultFromAnswer(name, answer.status, text.ok ? jsonOr(text.value) : '', retryAfter);
}

function jsonOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** The JSON of an answer that claims to be JSON; the text of any other. */
export function parseBody(name: string, answer: HttpAnswer, text: string): Result<unknown, KubeFault> {
  if (!String(answer.headers['content-type'] ?? '').includes('json')) return ok(text);
  try {
    return ok(parseJson(text));
  } catch {
    return fail(
      localFault('Unreachable', name, 'the answer is not the JSON that it claims to be', 'BadJson'),
    );
  }
}

/** Believes only what is a list: an empty answer of some proxy must not look like an empty cluster. */
export function readList<T>(name: string, value: unknown): Result<KubeList<T>, KubeFault> {
  const list = (typeof value === 'object' && value !== null ? value : {}) as {
    readonly kind?: unknown;
    readonly items?: readonly T[] | null;
    readonly metadata?: { resourceVersion?: unknown; continue?: string; remainingItemCount?: number };
  };
  const version = list.metadata?.resourceVersion;
  const items = list.items ?? [];
  if (
    typeof list.kind !== 'string' ||
    !list.kind.endsWith('List') ||
    !Array.isArray(items) ||
    typeof version !== 'string'
  )
    return fail(localFault('Unreachable', name, 'the answer is not a Kubernetes list', 'BadList'));
  return ok({
    items,
    resourceVersion: version,
    next: list.metadata?.continue || undefined,
    remaining: list.metadata?.remainingItemCount,
  });
}
