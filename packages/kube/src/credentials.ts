import { readFile, stat } from 'node:fs/promises';
import { fail, ok, type Result } from '@muslin/net';
import type { Clock } from './clock.ts';
import type { Connection, ExecPlugin, Material } from './connection.ts';
import type { ExecCredential } from './exec-credential.ts';
import { Secret } from './secret.ts';

/** What one request carries, revealed only to the transport. */
export interface Credentials {
  /** `Authorization` header. */
  readonly authorization: Secret | undefined;
  readonly ca: Secret | undefined;
  readonly cert: Secret | undefined;
  readonly key: Secret | undefined;
}

/** Files are looked at again after this many milliseconds, and read again when they changed. */
const RECHECK_MS = 5_000;

interface CachedFile {
  readonly stamp: string;
  readonly text: Secret;
  checkedAt: number;
}

/** Keeps a connection's secrets current: rotated files are read again, exec plugins are asked again before expiry. */
export class CredentialStore {
  readonly #connection: Connection;
  readonly #clock: Clock;
  readonly #files = new Map<string, CachedFile>();
  #exec: ExecCredential | undefined;
  #running: Promise<Result<ExecCredential, string>> | undefined;

  constructor(connection: Connection, clock: Clock) {
    this.#connection = connection;
    this.#clock = clock;
  }

  /** Credentials for a request now; the fault says which file or command failed, without its contents. */
  async current(): Promise<Result<Credentials, string>> {
    const { bearer, ca, clientCert } = this.#connection;
    try {
      const own = {
        ca: ca && (await this.#material(ca)),
        cert: clientCert && (await this.#material(clientCert.cert)),
        key: clientCert && (await this.#material(clientCert.key)),
      };
      switch (bearer.type) {
        case 'none':
          return ok({ ...own, authorization: undefined });
        case 'token':
          return ok({ ...own, authorization: new Secret(`Bearer ${bearer.token.reveal()}`) });
        case 'tokenFile': {
          const token = await this.#material({ file: bearer.file });
          return ok({ ...own, authorization: new Secret(`Bearer ${token.reveal().trim()}`) });
        }
        case 'basic': {
          const pair = Buffer.from(`${bearer.username}:${bearer.password.reveal()}`).toString('base64');
          return ok({ ...own, authorization: new Secret(`Basic ${pair}`) });
        }
        case 'exec': {
          const said = await this.#execCredential();
          if (!said.ok) return said;
          const { token, cert, key } = said.value;
          return ok({
            ca: own.ca,
            cert: cert ?? own.cert,
            key: key ?? own.key,
            authorization: token && new Secret(`Bearer ${token.reveal()}`),
          });
        }
        default:
          return bearer satisfies never;
      }
    } catch (error) {
      const { code, path } = error as NodeJS.ErrnoException;
      if (code === undefined) throw error;
      return fail(`${path ?? 'a credential file'} cannot be read (${code})`);
    }
  }

  /** Forgets what was cached, after the server refused it. Says whether asking again can give something else. */
  forget(): boolean {
    this.#exec = undefined;
    for (const file of this.#files.values()) file.checkedAt = Number.NEGATIVE_INFINITY;
    return this.#connection.bearer.type === 'exec' || this.#connection.bearer.type === 'tokenFile';
  }

  async #material(material: Material): Promise<Secret> {
    if ('data' in material) return material.data;
    const cached = this.#files.get(material.file);
    const now = this.#clock.now();
    if (cached !== undefined && now - cached.checkedAt < RECHECK_MS) return cached.text;
    const { mtimeMs, size, ino } = await stat(material.file);
    const stamp = `${mtimeMs}/${size}/${ino}`;
    if (cached?.stamp === stamp) {
      cached.checkedAt = now;
      return cached.text;
    }
    const text = new Secret(await readFile(material.file, 'utf8'));
    this.#files.set(material.file, { stamp, text, checkedAt: now });
    return text;
  }

  async #execCredential(): Promise<Result<ExecCredential, string>> {
    const bearer = this.#connection.bearer;
    if (bearer.type !== 'exec') throw new Error('no exec plugin');
    const held = this.#exec;
    if (held !== undefined && (held.expiresAt === undefined || this.#clock.now() < held.expiresAt))
      return ok(held);
    // Requests that arrive while the plugin runs share its answer.
    this.#running ??= ask(bearer.plugin, this.#connection).finally(() => {
      this.#running = undefined;
    });
    const said = await this.#running;
    if (said.ok) this.#exec = said.value;
    return said;
  }
}

/** Most programs run no other: what that needs is loaded by those that do. */
async function ask(plugin: ExecPlugin, connection: Connection): Promise<Result<ExecCredential, string>> {
  const { runExecPlugin } = await import('./exec-credential.ts');
  return runExecPlugin(plugin, connection);
}
