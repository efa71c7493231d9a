/**
 * Makes a function that acts once nothing has asked for it for `quietMs`, and at the latest `longestMs` after the first who
 * did: for what would keep those who come next waiting.
 */
export function whenCalm(
  act: () => void,
  { quietMs, longestMs }: { readonly quietMs: number; readonly longestMs: number },
): { readonly soon: () => void; readonly stop: () => void } {
  let timer: NodeJS.Timeout | undefined;
  let since: number | undefined;
  return {
    soon() {
      const now = performance.now();
      since ??= now;
      clearTimeout(timer);
      timer = setTimeout(
        () => {
          since = undefined;
          act();
        },
        Math.max(0, Math.min(quietMs, since + longestMs - now)),
      ).unref();
    },
    stop: () => clearTimeout(timer),
  };
}
