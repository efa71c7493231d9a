import { type AnyObject, type KubeClient, RESOURCES, StatusWriter } from '@muslin/kube';
import { type PoolCondition, poolCondition } from './pool-condition.ts';

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

interface StoredCondition extends PoolCondition {
  readonly lastTransitionTime: string;
  readonly observedGeneration?: number;
}

function withCondition(object: AnyObject, wanted: PoolCondition): readonly StoredCondition[] {
  const { conditions = [] } = (object['status'] ?? {}) as { conditions?: readonly StoredCondition[] };
  const old = conditions.find(condition => condition.type === wanted.type);
  const same = old?.status === wanted.status;
  const now = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
  return [
    ...conditions.filter(condition => condition.type !== wanted.type),
    { ...wanted, lastTransitionTime: same ? old.lastTransitionTime : now },
  ];
}
