import { request } from 'node:http';
import { fail, ok, type Result } from '@muslin/net';

/** Longest answer that is taken from an agent. */
const MOST_BYTES = 64 << 20;

/** One question to the agent of this node; `verb` is what to run there instead, for those who are elsewhere. */
export function askAgent(socketPath: string, path: string, verb: string): Promise<Result<unknown, string>> {
  const away = (why: string) =>
    fail(
      `the agent does not answer at ${socketPath} (${why}). It is asked on its node, as root: ` +
        `kubectl exec -n NAMESPACE POD-OF-MUSLIN-NODE -c agent -- muslinctl ${verb}`,
    );
  return new Promise(resolve => {
    const asked = request({ socketPath, path, timeout: 10_000 }, response => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
        if (text.length > MOST_BYTES) asked.destroy(new Error('its answer is too long'));
      });
      response.on('end', () => {
        if (response.statusCode !== 200)
          return resolve(away(`HTTP ${response.statusCode}: is it an older one?`));
        try {
          resolve(ok(JSON.parse(text)));
        } catch {
          resolve(away('its answer is no JSON'));
        }
      });
    });
    asked.on('timeout', () => asked.destroy(new Error('10 seconds are over')));
    asked.on('error', error => resolve(away(error.message)));
    asked.end();
  });
}
