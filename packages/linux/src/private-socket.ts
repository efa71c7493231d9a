import { rmSync } from 'node:fs';
import type { Server } from 'node:net';

const OWNER_ALONE = 0o177;

/**
 * Listens on a unix socket that its owner alone may open, from its first moment on: the kernel makes it with the
 * process's mask. Takes the place of what a killed process left there. Rejects with the system's error, as for a path
 * of over 107 octets (`sun_path`). For main threads: workers have no mask of their own.
 */
export function listenPrivately<S extends Server>(server: S, path: string): Promise<S> {
  rmSync(path, { force: true });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    const mask = process.umask(OWNER_ALONE);
    try {
      // Bound before this returns.
      server.listen(path, () => {
        server.off('error', reject);
        resolve(server);
      });
    } finally {
      process.umask(mask);
    }
  });
}
