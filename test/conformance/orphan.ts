/** Ends this process when the one that started it is gone, so that an interrupted run leaves nothing behind. */
export function endWithParent(): void {
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) process.exit(1);
  }, 300).unref();
}
