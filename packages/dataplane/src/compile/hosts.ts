import type { ActivePolicy, Direction, HostPlan, HostState, NodeState, TierPlan } from '@muslin/api';
import type { Action } from '../ir/action.ts';
import type { Match } from '../ir/match.ts';
import type { Chain, Rule } from '../ir/ruleset.ts';
import type { Marks, NodeConfig } from './config.ts';
import { acceptedChain, type HostFrame, type HostStage, hostChain } from './host-chains.ts';
import { placeHosts } from './host-placement.ts';
import { markingPolicyChain } from './policy-chains.ts';
import { hostTierChain, type TierChain, type TierPart } from './tier-chain.ts';

/** What host endpoints add to the hooks, and the chains that this needs. */
export interface HostRules {
  readonly chains: ReadonlyMap<string, Chain>;
  /** raw: before tracking. */
  readonly prerouting: readonly Rule[];
  readonly rawOutput: readonly Rule[];
  /** mangle: before translation, and after routing what the node itself sends to a Service. */
  readonly preDnat: readonly Rule[];
  readonly postrouting: readonly Rule[];
  /** filter. */
  readonly input: readonly Rule[];
  readonly output: readonly Rule[];
  readonly forward: readonly Rule[];
}

/** What was compiled for a state before. */
export interface HostCache {
  of: readonly unknown[];
  rules: HostRules | undefined;
}

/** The rules of a node's host endpoints; undefined when it has none. The same objects as long as nothing about them changed. */
export function hostRules(
  { hosts, policies }: NodeState,
  config: NodeConfig,
  marks: Marks,
  cache: HostCache,
): HostRules | undefined {
  if (hosts === undefined || hosts.plans.size === 0) return undefined;
  const used = policiesOf(hosts).map(key => policies.get(key));
  const of = [hosts, ...used];
  if (
    cache.rules === undefined ||
    cache.of.length !== of.length ||
    of.some((one, i) => cache.of[i] !== one)
  ) {
    cache.of = of;
    cache.rules = new HostCompiler(hosts, policies, config, marks).rules();
  }
  return cache.rules;
}

const listsOf = (
  plan: HostPlan,
): Readonly<Record<HostStage, Readonly<Record<Direction, readonly TierPlan[]>>>> => ({
  local: plan.local,
  forwarded: plan.forwarded,
  'pre-dnat': { ingress: plan.preDnat, egress: [] },
  untracked: plan.untracked,
});

function policiesOf({ plans }: HostState): readonly string[] {
  const lists = [...plans.values()].flatMap(plan => Object.values(listsOf(plan)));
  return lists.flatMap(({ ingress, egress }) => [...ingress, ...egress]).flatMap(tier => tier.policies);
}

class HostCompiler {
  readonly #hosts: HostState;
  readonly #policies: NodeState['policies'];
  readonly #config: NodeConfig;
  readonly #marks: Marks;
  readonly #frame: HostFrame;
  readonly #chains = new Map<string, Chain>();

  constructor(hosts: HostState, policies: NodeState['policies'], config: NodeConfig, marks: Marks) {
    this.#hosts = hosts;
    this.#policies = policies;
    this.#config = config;
    this.#marks = marks;
    this.#frame = { family: config.family, marks, failsafe: hosts.failsafe };
  }

  rules(): HostRules {
    const toPod: Match = {
      kind: 'out-interface',
      name: this.#config.workloadInterfacePrefix,
      wildcard: true,
    };
    const untrackedIn = this.#dispatch('untracked', 'ingress');
    const untrackedOut = this.#dispatch('untracked', 'egress');
    const preDnat = this.#dispatch('pre-dnat', 'ingress');
    const output = this.#dispatch('local', 'egress');
    const early = untrackedIn.length + preDnat.length > 0;
    return {
      prerouting: [...this.#clear(early), ...untrackedIn],
      rawOutput: [...this.#clear(untrackedOut.length > 0), ...untrackedOut],
      preDnat:
        preDnat.length === 0
          ? []
          : [...this.#ifAccepted(untrackedIn.length > 0, { kind: 'return' }), ...preDnat],
      // OUTPUT knows the way of a packet before its translation, so what was translated is asked here.
      postrouting: this.#translated([{ matches: [toPod], action: { kind: 'return' } }, ...output]),
      input: [...this.#ifAccepted(early, { kind: 'accept' }), ...this.#dispatch('local', 'ingress')],
      output: [
        ...this.#ifAccepted(untrackedOut.length > 0, { kind: 'accept' }),
        { matches: [{ kind: 'translated' }], action: { kind: 'return' } },
        ...output,
      ],
      forward: this.#forward(early),
      chains: this.#chains,
    };
  }

  /** Both jumps come back: a packet that is not dropped goes on to pods' policies, or to others. */
  #forward(early: boolean): readonly Rule[] {
    const [into, out] = [this.#dispatch('forwarded', 'ingress'), this.#dispatch('forwarded', 'egress')];
    const accepted: Match = { kind: 'mark', value: 0, mask: this.#marks.accepted };
    const rules: Rule[] = [];
    const jump = (name: string, list: readonly Rule[], matches: readonly Match[]) => {
      if (list.length === 0) return;
      this.#add({ name, rules: list });
      rules.push({ matches, action: { kind: 'jump', chain: name } });
    };
    jump('msl-from-host', into, early ? [accepted] : []);
    jump('msl-to-host-out', out, []);
    return rules;
  }

  /** For what the node itself sent to a translated destination. */
  #translated(rules: readonly Rule[]): readonly Rule[] {
    const chain = this.#add({ name: 'msl-translated', rules });
    const own: Match = { kind: 'local-address', side: 'src' };
    return [{ matches: [{ kind: 'translated' }, own], action: { kind: 'goto', chain } }];
  }

  #clear(needed: boolean): readonly Rule[] {
    const { accepted } = this.#marks;
    return needed ? [{ matches: [], action: { kind: 'mark', value: 0, mask: accepted } }] : [];
  }

  #ifAccepted(possible: boolean, action: Action): readonly Rule[] {
    const { accepted } = this.#marks;
    return possible ? [{ matches: [{ kind: 'mark', value: accepted, mask: accepted }], action }] : [];
  }

  /** To the chain of the interface that a packet comes in by or leaves by. No rule where no chain says anything. */
  #dispatch(stage: HostStage, direction: Direction): readonly Rule[] {
    const { byInterface, rest } = placeHosts(this.#hosts, this.#config);
    const by = direction === 'ingress' ? 'in' : 'out';
    const kind = direction === 'ingress' ? 'in-interface' : 'out-interface';
    const end = rest && this.#chainOf(rest, stage, direction);
    const chains = new Map<string, string>();
    for (const [name, plan] of byInterface) {
      const chain = this.#chainOf(plan, stage, direction);
      if (chain !== undefined) chains.set(name, chain);
      // The endpoint for all interfaces has no say where another one stands.
      else if (end !== undefined) chains.set(name, this.#add(SILENT));
    }
    const rules: Rule[] = [];
    const letters = `${stage[0]}${stage === 'pre-dnat' ? 'd' : ''}`;
    const name = `msl-h-${letters}${direction[0]}`;
    if (chains.size > 0) rules.push({ matches: [], action: { kind: 'dispatch', by, name, chains } });
    if (end === undefined) return rules;
    if (!byInterface.has('lo')) rules.push({ matches: [{ kind, name: 'lo' }], action: { kind: 'return' } });
    if (stage === 'untracked')
      rules.push({
        matches: [{ kind, name: this.#config.workloadInterfacePrefix, wildcard: true }],
        action: { kind: 'return' },
      });
    rules.push({ matches: [], action: { kind: 'goto', chain: end } });
    return rules;
  }

  /** The chain of one host endpoint; undefined when it would say nothing. */
  #chainOf(plan: HostPlan, stage: HostStage, direction: Direction): string | undefined {
    const lists = listsOf(plan)[stage][direction];
    if (stage !== 'local' && lists.length === 0) return undefined;
    const early = stage === 'untracked' || stage === 'pre-dnat';
    const tiers = lists.map(tier =>
      // The end of a tier decides nothing before tracking and translation.
      this.#tier(early ? { ...tier, defaultAction: 'Pass' } : tier, direction),
    );
    return this.#add(hostChain(plan, stage, direction, tiers, this.#frame));
  }

  #tier(plan: TierPlan, direction: Direction): TierChain {
    const keys: string[] = [];
    const parts: TierPart[] = [];
    for (const key of plan.policies) {
      const policy: ActivePolicy | undefined = this.#policies.get(key);
      if (policy?.staged) continue;
      keys.push(key);
      if (policy === undefined || policy[direction].length === 0) continue;
      const chain = markingPolicyChain(policy, direction, this.#config);
      this.#add(chain);
      parts.push({ policy, chain });
    }
    const tier = hostTierChain(plan, direction, keys, parts, this.#marks);
    this.#add(tier.chain);
    return tier;
  }

  #add(chain: Chain): string {
    this.#chains.set(chain.name, chain);
    return chain.name;
  }
}

/** Where a named host endpoint has nothing to say at a stage. */
const SILENT: Chain = { name: 'msl-silent', rules: [] };

/** The chains that rules of host endpoints may go to besides their own. */
export function hostFixedChains(marks: Marks): readonly Chain[] {
  return [acceptedChain(marks)];
}
