import { type AnyObject, type KubeClient, RESOURCES, StatusWriter } from '@muslin/kube';
import { withCondition } from './condition.ts';
import { poolCondition } from './pool-condition.ts';

/** Keeps the condition of every IPPool true. */
export class PoolStatus {
  readonly #pools: ReadonlyMap<string, AnyObject>;
  readonly #writer: StatusWriter;
  readonly #log: (line: string) => void;

  constructor(options: {
    readonly client: KubeClient;
    readonly pools: ReadonlyMap<string, AnyObject>;
    readonly log: (line: string) => void;
  }) {
    this.#pools = options.pools;
    this.#writer = new StatusWriter(options.client);
    this.#log = options.log;
  }

  async reconcile(name: string): Promise<string | undefined> {
    if (!this.#pools.has(name)) return undefined;
    const done = await this.#writer.write(RESOURCES.IPPool, { name }, object => {
      const wanted = poolCondition(asPool(object), [...this.#pools.values()].map(asPool));
      return { ...(object['status'] as object | undefined), conditions: withCondition(object, wanted) };
    });
    if (!done.ok) return done.fault.message;
    if (done.value === 'written') this.#log(`condition of IPPool ${name} written`);
    return undefined;
  }
}

/** Lists leave apiVersion and kind out. */
function asPool(object: AnyObject): AnyObject {
  return { ...object, apiVersion: 'projectcalico.org/v3', kind: 'IPPool' };
}
