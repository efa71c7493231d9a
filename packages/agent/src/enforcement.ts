import { setTimeout } from 'node:timers/promises';
import { NODE_CONFIG_DEFAULTS, type Op } from '@muslin/dataplane';
import type { KubeClient } from '@muslin/kube';
import { type ConntrackDriver, listAddresses, type NetlinkSocket } from '@muslin/linux';
import { ok } from '@muslin/net';
import type { PodTunnels } from '@muslin/policy';
import type { Logger } from 'pino';
import type { AgentCore } from './core/agent-core.ts';
import { EnforcedSince } from './enforced-since.ts';
import { Enforcer } from './kernel/enforcer.ts';
import { type Cut, FlowCutter } from './kernel/flow-cutter.ts';
import type { Kernel } from './kernel/kernel.ts';
import { countConnections, pickUpNothing } from './kernel/node-settings.ts';
import { RuleProof } from './kernel/rule-proof.ts';
import { whenCalm } from './kernel/when-calm.ts';
import { agentMetrics } from './metrics.ts';
import type { AgentOptions } from './options.ts';
import { PolicyReporter } from './policy-report.ts';

/** How long the kernel's answer is waited for before the node says that it can't show what it holds. */
const READ_BACK_MS = 5_000;

/** When to tell of pods that came or went; of policies it is told at once. */
const CALM = { quietMs: 1_000, longestMs: 5_000 } as const;

/** What rules are enforced with. */
export interface EnforcementParts {
  readonly options: AgentOptions;
  readonly core: AgentCore;
  readonly kernel: Kernel;
  readonly tracker: ConntrackDriver;
  readonly netlink: NetlinkSocket;
  readonly client: KubeClient;
  /** What becomes of connections that a changed policy denies, as it is now. */
  readonly established: () => 'cut' | 'keep';
  /** A round ended well; what it brought about is waited for until this returns. */
  readonly onEnforced: () => void;
  readonly log: Logger;
}

type Round = Parameters<ConstructorParameters<typeof Enforcer>[0]['onRound']>[0];
type Desired = ReturnType<AgentCore['desired']>;

/** Puts into the kernel what the core wants, proves it before, and knows since when it is in force, and what is not. */
export class Enforcement {
  readonly enforcer: Enforcer;
  readonly cutter: FlowCutter;
  readonly since = new EnforcedSince();
  readonly metrics = agentMetrics();
  readonly proof: RuleProof;
  readonly #parts: EnforcementParts;
  readonly #reporter: PolicyReporter;
  readonly #podsMoved: ReturnType<typeof whenCalm>;
  #mark = this.since.mark();
  #ready = false;
  #state: Desired['state'];
  /** Of `#state`, who has rules and no interface yet. */
  #prepared: Desired['prepared'];
  #unrouted: ReadonlyMap<string, string> = new Map();
  #lastCut: Cut | undefined;
  #unproved: string | undefined;
  #lastFault = 'nothing was enforced yet';
  #trouble: string | undefined;

  constructor(parts: EnforcementParts) {
    const { options, core, kernel, tracker, netlink, client, log } = parts;
    this.#parts = parts;
    ({ state: this.#state, prepared: this.#prepared } = core.desired());
    this.proof = new RuleProof(options.prove);
    this.cutter = new FlowCutter({
      tracker,
      nodeAddresses: () => {
        const listed = listAddresses(netlink);
        return listed.ok ? listed.value.map(address => address.ip) : [];
      },
      onCut: cut => this.#cut(cut),
      onFault: message => log.error(message),
    });
    this.enforcer = new Enforcer({
      ...{ core, kernel, refreshMs: options.refreshMs },
      prove: desired => this.#prove(desired),
      onTaken: () => {
        this.#mark = this.since.mark();
      },
      onRound: round => this.#ended(round),
      onFault: (fault, waitMs) => this.#failed(fault.message, waitMs),
    });
    this.#reporter = new PolicyReporter({
      ...{ client, node: options.node },
      log: line => log.warn(line),
      readBack: () => this.#readBack(),
    });
    // Reading the kernel back keeps an ADD waiting that comes meanwhile.
    this.#podsMoved = whenCalm(() => this.#reporter.poke(), CALM);
  }

  /** Whether a round has ended well since the start. */
  get ready(): boolean {
    return this.#ready;
  }

  /** What was in force after the last round that ended well. */
  get state(): Desired['state'] {
    return this.#state;
  }

  /** Routes that could not be set: by place, why. */
  get unrouted(): ReadonlyMap<string, string> {
    return this.#unrouted;
  }

  /** The last connections that were cut. */
  get lastCut(): Cut | undefined {
    return this.#lastCut;
  }

  /** Why what is wanted is not in force; undefined when it is. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /**
   * What the kernel lacks of what is wanted, for people; undefined when nothing. Plugins after ours put rules of their own before
   * our jumps: those are first again by now, and nothing lacks.
   */
  async missing(): Promise<string | undefined> {
    const audit = await this.enforcer.audit();
    return missingParts(audit.ok ? ok(audit.value.filter(op => !isOvertaken(op))) : audit);
  }

  async stop(): Promise<void> {
    this.cutter.stop();
    this.#podsMoved.stop();
    this.#reporter.stop();
    await this.enforcer.stop();
  }

  #cut(cut: Cut): void {
    this.#lastCut = cut;
    this.metrics.judged.observe(cut.ms / 1000);
    this.metrics.cut.inc(cut.cut);
    if (cut.cut > 0) this.#parts.log.info(cut, 'established connections that policy denies by now were cut');
  }

  #prove(desired: Desired): { code: 'refused'; message: string } | undefined {
    const { kernel, log } = this.#parts;
    const { outcome, message, refused, ms } = this.proof.check(desired, () => kernel.rendered(desired));
    this.metrics.proofs.observe(ms / 1000);
    this.metrics.proved.inc({ outcome });
    if (message !== undefined && message !== this.#unproved)
      log[refused ? 'error' : 'warn']({ outcome }, message);
    this.#unproved = message;
    return refused
      ? { code: 'refused', message: `rules that do not mean what the policies mean stay out: ${message}` }
      : undefined;
  }

  #ended({ desired, ms, steps, unrouted }: Round): void {
    const { state, stateVersion, prepared } = desired;
    const { options, established, onEnforced, log } = this.#parts;
    onEnforced();
    const { metrics } = this;
    const fresh = this.since.enforced(this.#mark, performance.timeOrigin + performance.now());
    for (const policy of fresh) {
      // What was there before the agent was not written now.
      if (this.#ready) metrics.inForce.observe((policy.enforcedAt - policy.seenAt) / 1000);
    }
    const policiesMoved = fresh.length > 0 || state.policies !== this.#state.policies;
    this.#state = state;
    this.#prepared = prepared;
    this.#trouble = undefined;
    if (policiesMoved || !this.#ready) this.#reporter.poke();
    else this.#podsMoved.soon();
    if (!this.#ready && established() === 'cut') pickUpNothing(log);
    if (!this.#ready && options.flows === 'on') countConnections(log);
    this.#ready = true;
    metrics.rounds.observe(ms / 1000);
    metrics.endpoints.set(state.endpoints.size - prepared.size);
    metrics.policies.set(state.policies.size);
    if (steps > 0) log.debug({ steps, ms: Math.round(ms) }, 'kernel changed');
    for (const [place, why] of unrouted)
      if (this.#unrouted.get(place) !== why) log.error({ place, why }, 'a route could not be set');
    this.#unrouted = unrouted;
    if (established() === 'cut') this.cutter.enforced(state, stateVersion, podTunnels(desired));
  }

  #failed(fault: string, waitMs: number): void {
    this.metrics.faults.inc();
    this.#lastFault = fault;
    this.#trouble = fault;
    this.#reporter.poke();
    this.#parts.log.error({ fault, waitMs }, 'what is wanted is not in force; reading back and trying again');
  }

  /** What is in force and was seen in the kernel just now; a sentence when that can't be shown. */
  async #readBack() {
    if (!this.#ready) return this.#lastFault;
    const { inForce } = this.since;
    const [state, prepared] = [this.#state, this.#prepared];
    // A round that fails again and again never answers.
    const audit = await Promise.race([
      this.enforcer.audit(),
      setTimeout(READ_BACK_MS, undefined, { ref: false }),
    ]);
    if (audit === undefined) return this.#lastFault;
    return missingParts(audit) ?? { inForce, state: without(prepared, state), at: Date.now() };
  }
}

/** Only jumps of ours that are there, but no longer first. */
function isOvertaken(op: Op): boolean {
  if (op.kind !== 'iptables') return false;
  const { rewrite, hooks, remove } = op.plan;
  const moved = hooks.every(hook => hook.insert !== undefined && hook.remove.length === 1);
  return rewrite.length === 0 && remove.length === 0 && moved;
}

/** A pod that is only expected is nobody's to count: its policies are in force for no packet yet. */
function without(prepared: Desired['prepared'], state: Desired['state']): Desired['state'] {
  if (prepared.size === 0) return state;
  return { ...state, endpoints: new Map([...state.endpoints].filter(([key]) => !prepared.has(key))) };
}

function missingParts(audit: Awaited<ReturnType<Enforcer['audit']>>): string | undefined {
  if (!audit.ok) return `the kernel can't be read back: ${audit.fault.message}`;
  if (audit.value.length === 0) return undefined;
  const parts = [...new Set(audit.value.map(op => (op.kind === 'iptables' ? `table ${op.table}` : op.kind)))];
  return `the kernel lacked parts of this node's rules, which are put back now: ${parts.join(', ')}`;
}

/** What pods may wrap, by the rules that are in force. */
function podTunnels({ configs }: Desired): PodTunnels {
  const { allowIpipFromPods, allowVxlanFromPods, vxlanPort } = configs[0] ?? NODE_CONFIG_DEFAULTS;
  const allowVxlan = allowVxlanFromPods || vxlanPort === undefined;
  return { allowIpip: allowIpipFromPods, allowVxlan, vxlanPort: vxlanPort ?? 0 };
}
