/** What TypeScript's library doesn't name yet (ECMAScript 2026, JSON.parse source text access). */
interface SourceText {
  readonly source?: string;
}
const { rawJSON } = JSON as unknown as { readonly rawJSON: (text: string) => unknown };

/** As many digits in a row as a whole number beyond 2^53 has at least. */
const LONG = /\d{16}/;

/**
 * `JSON.parse` that keeps whole numbers beyond 2^53 as `bigint`. Kubernetes has int64 fields, and Calico's
 * `IPAMBlock.spec.sequenceNumber` counts on from a time in nanoseconds: rounded, one life of an address looks like the next.
 */
export function parseJson(text: string): unknown {
  return LONG.test(text) ? JSON.parse(text, exact) : JSON.parse(text);
}

function exact(_key: string, value: unknown, { source = '' }: SourceText = {}): unknown {
  const rounded = typeof value === 'number' && !Number.isSafeInteger(value);
  return rounded && /^-?\d+$/.test(source) ? BigInt(source) : value;
}

/** `JSON.stringify` that writes a `bigint` as the number that it is. */
export function formatJson(value: unknown, indent?: number): string {
  try {
    return JSON.stringify(value, undefined, indent);
  } catch {
    // There is a bigint in it: a replacer makes all others several times as slow.
    return JSON.stringify(value, digits, indent);
  }
}

function digits(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? rawJSON(String(value)) : value;
}
