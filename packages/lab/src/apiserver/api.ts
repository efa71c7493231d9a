import type { Surroundings } from './kinds/kind.ts';
import type { Registry } from './kinds/registry.ts';
import type { KubeObject } from './kube-object.ts';
import type { Store } from './store/store.ts';

/** Who asks. */
export interface User {
  readonly user: string;
  readonly groups: readonly string[];
  /** What the token is bound to (`authentication.kubernetes.io/node-name`, …). */
  readonly extra?: Readonly<Record<string, readonly string[]>>;
  /** Whom the token is for; absent: this server. */
  readonly audience?: string;
}

/** What a request is about to do; `resource` is `pods` or `pods/status`. */
export interface Attempt {
  readonly user: User;
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
}

/** Everything that handlers work on. Time and chance come in from outside. */
export interface Api {
  readonly store: Store;
  readonly registry: Registry;
  readonly serviceCidr: string;
  /** PEM of the server's own authority, for kube-root-ca.crt; '' when unknown. */
  readonly caPem: string;
  now(): Date;
  /** 0 ≤ x < 1. */
  random(): number;
  uuid(): string;
  /** Whose token this is. */
  whoIs(token: string): User | undefined;
  /** Whether the attempt is allowed. May also keep a record of what was asked. */
  authorize(attempt: Attempt): boolean;
}

/** What kinds' strategies may see of the API. */
export function surroundingsOf(api: Api): Surroundings {
  return {
    now: api.now(),
    random: api.random,
    serviceCidr: api.serviceCidr,
    list: (storage): readonly KubeObject[] => api.store.list(storage).map(([, object]) => object),
  };
}
