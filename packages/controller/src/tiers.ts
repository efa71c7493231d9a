import { BUILT_IN_TIERS } from '@muslin/api';
import { type AnyObject, type KubeClient, keyOf, RESOURCES, StatusWriter } from '@muslin/kube';
import { withCondition } from './condition.ts';
import { setFinalizer } from './finalizer.ts';
import type { Again } from './work-queue.ts';

/** Keeps a tier that is being deleted until its last policy is gone. Calico's own name. */
const FINALIZER = 'projectcalico.org/tier-controller';
const LOOK_AGAIN: Again = { againMs: 10_000 };
/** Kinds whose `spec.tier` names a tier. */
const TIERED = [
  'CalicoNetworkPolicy',
  'GlobalNetworkPolicy',
  'StagedNetworkPolicy',
  'StagedGlobalNetworkPolicy',
] as const;

/** Makes the built-in tiers, and lets no tier go while policies are in it: they would stop to apply without a word. */
export class Tiers {
  readonly #client: KubeClient;
  readonly #writer: StatusWriter;
  readonly #log: (line: string) => void;

  constructor(options: { readonly client: KubeClient; readonly log: (line: string) => void }) {
    this.#client = options.client;
    this.#writer = new StatusWriter(options.client);
    this.#log = options.log;
  }

  /** One tier, which need not be there. */
  async reconcile(name: string): Promise<string | Again | undefined> {
    const got = await this.#client.get<AnyObject>(RESOURCES.Tier, { name });
    if (!got.ok) return got.fault.code === 'NotFound' ? this.#make(name) : got.fault.message;
    const tier = got.value;
    if (!tier.metadata.deletionTimestamp)
      return (
        (await setFinalizer(this.#client, RESOURCES.Tier, tier, FINALIZER, true)) ??
        (await this.#tell(name, 'True', 'OK', 'policies of the tier apply'))
      );
    if (!tier.metadata.finalizers?.includes(FINALIZER)) return undefined;
    const inside = await this.#policiesOf(name);
    if (typeof inside === 'string') return inside;
    if (inside.length > 0) {
      const some = inside.slice(0, 3).join(', ');
      const more = inside.length > 3 ? ` and ${inside.length - 3} more` : '';
      const message = `the tier goes when its policies are gone or in another tier: ${some}${more}`;
      return (await this.#tell(name, 'False', 'Terminating', message)) ?? LOOK_AGAIN;
    }
    const fault = await setFinalizer(this.#client, RESOURCES.Tier, tier, FINALIZER, false);
    if (fault === undefined) this.#log(`Tier ${name} is gone: no policy was in it`);
    return fault;
  }

  async #make(name: string): Promise<string | undefined> {
    const builtIn = BUILT_IN_TIERS.get(name);
    if (builtIn === undefined) return undefined;
    const spec = { order: builtIn.order, defaultAction: builtIn.defaultAction };
    const made = await this.#client.create(RESOURCES.Tier, { metadata: { name }, spec } as AnyObject);
    return made.ok || made.fault.code === 'AlreadyExists' ? undefined : made.fault.message;
  }

  async #policiesOf(tier: string): Promise<readonly string[] | string> {
    const found: string[] = [];
    for (const kind of TIERED) {
      const listed = await this.#client.listAll<AnyObject>(RESOURCES[kind]);
      if (!listed.ok) return listed.fault.message;
      for (const policy of listed.value.items)
        if (((policy['spec'] as { tier?: string } | undefined)?.tier || 'default') === tier)
          found.push(`${RESOURCES[kind].kind} ${keyOf(policy)}`);
    }
    return found;
  }

  async #tell(name: string, status: 'True' | 'False', reason: string, message: string) {
    const wanted = { type: 'Ready', status, reason, message } as const;
    const done = await this.#writer.write(RESOURCES.Tier, { name }, object => ({
      ...(object['status'] as object | undefined),
      conditions: withCondition(object, wanted),
    }));
    return done.ok ? undefined : done.fault.message;
  }
}
