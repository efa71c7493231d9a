/**
 * Deletions of links that may wait for the kernel's acknowledgement at the same time: each holds a thread of libuv's pool. What is
 * asked for when all do waits up to a grace period.
 */
export const LINK_LANES = 8;

/** Of four as always: files that are synced, tracked connections that are read. */
const OTHERS = 4;

/**
 * Gives libuv's pool a thread for each of whoever may hold one. It asks for the size when it is first used
 * (`UV_THREADPOOL_SIZE`, libuv "Thread pool work scheduling"): call this before anything else. More that were asked for stay.
 */
export function sizeThreadPool(env: NodeJS.ProcessEnv): void {
  const wished = Number(env['UV_THREADPOOL_SIZE']);
  const needed = LINK_LANES + OTHERS;
  if (!(wished >= needed)) env['UV_THREADPOOL_SIZE'] = String(needed);
}
