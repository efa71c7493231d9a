/** Between looks: whatever changes all the time may not keep the agent reading all the time. */
const APART_MS = 1_000;
/** One command of somebody is often several transactions. */
const SETTLE_MS = 50;

/** Makes a function that asks for a look soon, however often it is called, and not more than once a second. */
export function secondLook(look: () => void): { readonly soon: () => void; readonly stop: () => void } {
  let timer: NodeJS.Timeout | undefined;
  let last = Number.NEGATIVE_INFINITY;
  return {
    soon() {
      timer ??= setTimeout(
        () => {
          timer = undefined;
          last = performance.now();
          look();
        },
        Math.max(SETTLE_MS, last + APART_MS - performance.now()),
      ).unref();
    },
    stop: () => clearTimeout(timer),
  };
}
