/** What came of waiting. */
export type Waited<T> =
  | { readonly held: true; readonly value: T }
  | { readonly held: false; readonly last: T };

/**
 * Asks again and again until `good` holds or the time is over. It waits for a fact, never for a length of time;
 * `everyMs` is only how soon the fact is noticed.
 */
export async function until<T>(
  ask: () => Promise<T>,
  good: (value: T) => boolean,
  timeoutMs: number,
  everyMs = 20,
): Promise<Waited<T>> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    const value = await ask();
    if (good(value)) return { held: true, value };
    if (performance.now() >= end) return { held: false, last: value };
    await new Promise(resolve => setTimeout(resolve, everyMs));
  }
}
