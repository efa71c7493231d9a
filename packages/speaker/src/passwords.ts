import { type AnyObject, type ListWatch, Reflector, RESOURCES, Secret } from '@muslin/kube';
import type { PasswordState } from './core/cluster-facts.ts';
import { readPassword } from './core/read-password.ts';

/** What reading passwords takes. */
export interface PasswordsOptions {
  readonly client: ListWatch;
  /** Namespace of the Secrets: that of Muslin's own pods. */
  readonly namespace: string;
  readonly onChange: () => void;
}

interface Watched {
  readonly reflector: Reflector<AnyObject>;
  keys: readonly string[];
  /** Why it can't be read, in words. */
  fault: string | undefined;
}

/** Passwords of sessions, from just those Secrets that sessions name: each is watched by its name. */
export class Passwords {
  readonly #options: PasswordsOptions;
  readonly #watched = new Map<string, Watched>();

  constructor(options: PasswordsOptions) {
    this.#options = options;
  }

  /** Follows these Secrets and no others. */
  want(secrets: ReadonlyMap<string, readonly string[]>): void {
    for (const [name, { reflector }] of this.#watched)
      if (!secrets.has(name)) {
        this.#watched.delete(name);
        void reflector.stop();
      }
    for (const [name, keys] of secrets) {
      const known = this.#watched.get(name);
      if (known === undefined) this.#watch(name, keys);
      else known.keys = keys;
    }
  }

  /** What is known, by `secret/key`; what has not been read yet is absent. */
  states(): ReadonlyMap<string, PasswordState> {
    const states = new Map<string, PasswordState>();
    for (const [name, { keys, fault, reflector }] of this.#watched)
      for (const key of keys) {
        const found = this.#find(name, key);
        if (found?.password !== undefined) states.set(`${name}/${key}`, { state: 'known' });
        else if (reflector.synced || fault !== undefined)
          states.set(`${name}/${key}`, { state: 'missing', message: fault ?? found?.message ?? '' });
      }
    return states;
  }

  /** The password called `secret/key`. */
  get(name: string): Secret | undefined {
    const cut = name.indexOf('/');
    return this.#find(name.slice(0, cut), name.slice(cut + 1))?.password;
  }

  /** Resolves when all that is wanted was read or refused once, or after `timeoutMs`. */
  async settled(timeoutMs: number): Promise<void> {
    const end = performance.now() + timeoutMs;
    const open = () => [...this.#watched.values()].some(w => !w.reflector.synced && w.fault === undefined);
    while (open() && performance.now() < end) await new Promise(resolve => setTimeout(resolve, 10));
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#watched.values()].map(({ reflector }) => reflector.stop()));
  }

  #find(name: string, key: string) {
    const watched = this.#watched.get(name);
    if (watched === undefined || !watched.reflector.synced) return undefined;
    const { namespace } = this.#options;
    const object = watched.reflector.items.get(`${namespace}/${name}`);
    const read = readPassword(object, `${namespace}/${name}`, key);
    return read.ok
      ? { password: new Secret(read.value), message: undefined }
      : { password: undefined, message: read.fault };
  }

  #watch(name: string, keys: readonly string[]): void {
    const { client, namespace, onChange } = this.#options;
    const reflector = new Reflector<AnyObject>(client, RESOURCES.Secret, {
      namespace,
      fieldSelector: `metadata.name=${name}`,
      onEvent: () => {
        watched.fault = undefined;
        onChange();
      },
      onFault: fault => {
        // What was read once stays good through an outage.
        if (reflector.synced || watched.fault !== undefined) return;
        watched.fault = `Secret ${namespace}/${name} can't be read (${fault.message}): let the speaker's service account get, list and watch it`;
        onChange();
      },
    });
    const watched: Watched = { reflector, keys, fault: undefined };
    this.#watched.set(name, watched);
    reflector.start();
  }
}
