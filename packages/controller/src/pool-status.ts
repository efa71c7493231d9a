import { type AnyObject, type KubeClient, RESOURCES, sameJson, StatusWriter } from '@muslin/kube';
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
    const seen = this.#pools.get(name);
    if (seen === undefined) return undefined;
    // What was seen may be old; then a newer version comes, and this is asked again.
    if (sameJson(conditionsOf(seen), withCondition(seen, poolCondition(seen, this.#pools.values()))))
      return undefined;
    const done = await this.#writer.write(RESOURCES.IPPool, { name }, object => {
      const wanted = poolCondition(object, this.#pools.values());
      return { ...(object['status'] as object | undefined), conditions: withCondition(object, wanted) };
    });
    if (!done.ok) return done.fault.message;
    if (done.value === 'written') this.#log(`condition of IPPool ${name} written`);
    return undefined;
  }
}

function conditionsOf(object: AnyObject): unknown {
  return (object['status'] as { readonly conditions?: unknown } | undefined)?.conditions;
}
