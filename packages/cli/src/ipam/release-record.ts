import { type AnyObject, type KubeClient, RESOURCES } from '@muslin/kube';
import { textAt } from '../files/json.ts';
import { faultText } from '../live/fault-text.ts';

/** What an entry is about: an object that people look at when they miss something. */
export interface About {
  readonly apiVersion: string;
  readonly kind: 'Node' | 'IPPool' | 'Namespace';
  readonly name: string;
}

/** Reason of these Events, the same as the collector's. */
const REASON = 'AddressFreed';
/** Characters of a message; the API server keeps 1,024 bytes (Event v1). */
const LONGEST = 900;
const SELF = '/apis/authentication.k8s.io/v1/selfsubjectreviews';

/**
 * Writes down what a person freed, and why: Events that `ipam history` reads, one for many addresses of one node. What can't be
 * written is told by `end`, and undoes nothing.
 */
export class ReleaseRecord {
  readonly #client: KubeClient;
  readonly #now: Date;
  readonly #open = new Map<string, { readonly about: About; readonly lines: string[] }>();
  #who: string | undefined;
  #count = 0;
  #fault: string | undefined;

  constructor(client: KubeClient, now: Date) {
    this.#client = client;
    this.#now = now;
  }

  /** One address: `freed 10.1.0.16 of web/lost: there is no Pod web/lost`. */
  async add(about: About, line: string): Promise<void> {
    const key = `${about.kind}/${about.name}`;
    const page = this.#open.get(key) ?? { about, lines: [] };
    const length = page.lines.reduce((sum, each) => sum + each.length + 3, line.length);
    if (length > LONGEST) await this.#write(about, page.lines.splice(0));
    page.lines.push(line.slice(0, LONGEST));
    this.#open.set(key, page);
  }

  /** Writes the rest; what could not be written down, if anything. */
  async end(): Promise<string | undefined> {
    for (const { about, lines } of this.#open.values()) await this.#write(about, lines);
    this.#open.clear();
    return this.#fault;
  }

  async #write(about: About, lines: readonly string[]): Promise<void> {
    if (lines.length === 0) return;
    const who = await this.#whoAmI();
    const stamp = this.#now.toISOString().replace(/\.\d+Z$/, 'Z');
    const name = `${about.name}.${(BigInt(this.#now.getTime()) * 1_000_000n + BigInt(process.pid)).toString(16)}${(this.#count++).toString(16)}`;
    const event = {
      metadata: { name, namespace: 'default' },
      involvedObject: about,
      ...{ type: 'Normal', reason: REASON, message: lines.join(' | '), count: 1 },
      ...{ firstTimestamp: stamp, lastTimestamp: stamp },
      ...{ source: { component: 'muslinctl' }, reportingComponent: 'muslinctl', reportingInstance: who },
    };
    const done = await this.#client.create<AnyObject>(RESOURCES.Event, event as unknown as AnyObject);
    if (!done.ok) this.#fault ??= faultText(done.fault);
  }

  /** The name that the API server knows this person by (SelfSubjectReview, Kubernetes 1.28). */
  async #whoAmI(): Promise<string> {
    if (this.#who !== undefined) return this.#who;
    const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
    const answer = await this.#client.raw({ method: 'POST', path: SELF, body });
    this.#who = (answer.ok && textAt(answer.value, 'status', 'userInfo', 'username')) || 'somebody';
    return this.#who;
  }
}
