/** Longest wait for the kernel to hold what was asked of it: then ADD fails and nothing of it stays. */
export const CONFIRM_SECONDS = 20;

/** Whether the kernel held it in time. */
export function isConfirmed(work: Promise<unknown>): Promise<boolean> {
  return new Promise(resolve => {
    const timer = setTimeout(() => resolve(false), CONFIRM_SECONDS * 1000);
    void work.then(() => {
      clearTimeout(timer);
      resolve(true);
    });
  });
}
