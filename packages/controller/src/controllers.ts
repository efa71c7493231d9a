import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { BUILT_IN_TIERS } from '@muslin/api';
import {
  type AnyObject,
  watchFaults,
  type KubeClient,
  keyOf,
  type Note,
  Reflector,
  ReflectorGroup,
  RESOURCES,
} from '@muslin/kube';
import { type NodeReport, nodeReport } from '@muslin/policy';
import { tellAccepted } from './accepted.ts';
import { keepClusterInformation } from './cluster-information.ts';
import {
  comparePeriodMs,
  ControllersConfiguration,
  type ControllersSpec,
} from './controllers-configuration.ts';
import { Findings, JUDGED_KINDS, type JudgedKind } from './findings.ts';
import { Garbage } from './garbage/garbage.ts';
import { nodeReports } from './garbage/node-reports.ts';
import { HostEndpoints } from './host-endpoints/host-endpoints.ts';
import { LeftQuestions } from './left-questions.ts';
import { LeftReports } from './left-reports.ts';
import { servicesWithHandles } from './load-balancer/held-addresses.ts';
import { ServiceAddresses } from './load-balancer/service-addresses.ts';
import { addressChangeNote } from './node-address-change.ts';
import { NodeLoss } from './node-loss.ts';
import { POLICY_RESOURCES, PolicySummaries } from './policy-summaries.ts';
import { PoolEnd } from './pool-end.ts';
import { meansTheSame, poolsNear } from './pool-condition.ts';
import { PoolStatus } from './pool-status.ts';
import { Tiers } from './tiers.ts';
import { type Reconcile, WorkQueue } from './work-queue.ts';

/** The version of this program: that of the release (package.json). */
const VERSION = '0.1.0';

/** Between what nodes say and the sum of it; ms. */
const SUMMARY_MS = 1_000;

/** What the controllers need of the program around them. */
export interface ControllersOptions {
  readonly client: KubeClient;
  readonly garbage: 'free' | 'dry-run' | 'off';
  /** Whether agents are told by controllers. */
  readonly fanout: boolean;
  /** Whether this replica leads. */
  readonly leads: () => boolean;
  readonly log: (line: string) => void;
  readonly warn: (line: string, more: object) => void;
  readonly tell: (note: Note) => void;
}

/** All controllers, their watches, and what each change makes them look at. */
export class Controllers {
  readonly watches: ReflectorGroup;
  readonly garbage: Garbage;
  readonly #options: ControllersOptions;
  readonly #broke: ReturnType<typeof watchFaults>;
  readonly #queue: WorkQueue;
  readonly #pools = new Map<string, AnyObject>();
  readonly #nodes = new Map<string, AnyObject>();
  readonly #affinities = new Map<string, AnyObject>();
  /** UID by `namespace/name`, and whether it wants an address of somebody. */
  readonly #services = new Map<string, { readonly uid: string; readonly balanced: boolean }>();
  readonly #tiers = new Map<string, AnyObject>();
  readonly #judged = new Map<string, AnyObject>();
  readonly #policyReports = new Map<string, NodeReport>();
  readonly #policyStatuses = new Map<string, AnyObject>();
  readonly #summaries: PolicySummaries;
  #settings: ControllersSpec = {};
  #timer: NodeJS.Timeout | undefined;

  constructor(options: ControllersOptions) {
    this.#options = options;
    this.#broke = watchFaults(
      (kind, message) => options.warn(message, { kind }),
      'nothing is kept right before',
    );
    const { client, log, tell, leads, warn } = options;
    this.garbage = new Garbage({
      ...{ client, log, tell, mode: options.garbage, reports: nodeReports(client), now: Date.now },
    });
    this.#summaries = new PolicySummaries({
      client,
      nodes: () => [...this.#nodes.keys()].toSorted(),
      reports: this.#policyReports,
      told: this.#policyStatuses,
      now: Date.now,
    });
    this.watches = new ReflectorGroup(this.#reflectors());
    this.#queue = new WorkQueue({
      work: this.#work(),
      active: () => leads() && this.watches.synced,
      onFault: (key, message, waitMs) => warn(message, { key, waitMs }),
    });
  }

  start(): void {
    this.watches.start();
    void this.watches.whenSynced().then(() => this.everything());
    this.#again();
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    await this.watches.stop();
  }

  /** Looks at everything: on becoming leader, and now and then, in case a change was missed. */
  everything(): void {
    const add = (kind: string, names: Iterable<string>) => {
      for (const name of names) this.#queue.add(kind, name);
    };
    add('pool', this.#pools.keys());
    add('affinity', this.#affinities.keys());
    add('service', this.#balanced());
    add('tier', new Set([...this.#tiers.keys(), ...BUILT_IN_TIERS.keys()]));
    add('finding', this.#judged.keys());
    add('once', ['host-endpoints', 'cluster', 'configuration', 'lost-services', 'lost-reports', 'questions']);
    add('garbage', ['addresses']);
    add('summaries', ['all']);
  }

  #again(): void {
    this.#timer = setTimeout(() => {
      this.everything();
      this.#again();
    }, comparePeriodMs(this.#settings));
    this.#timer.unref();
  }

  #work(): Readonly<Record<string, Reconcile>> {
    const { client, log, tell } = this.#options;
    const now = Date.now;
    const poolStatus = new PoolStatus({ client, pools: this.#pools, log });
    const poolEnd = new PoolEnd({ client, log, tell, now });
    const nodeLoss = new NodeLoss({ client, nodes: this.#nodes, affinities: this.#affinities, log, tell });
    const services = new ServiceAddresses({ client, log, tell, now });
    const tiers = new Tiers({ client, log });
    const reports = new LeftReports({ client, log });
    const questions = new LeftQuestions({ client, log, now });
    const findings = new Findings(tell, this.#options.fanout);
    const configuration = new ControllersConfiguration(client);
    const hostEndpoints = new HostEndpoints({
      ...{ client, log, tell, nodes: this.#nodes },
      settings: () => this.#settings.controllers?.node?.hostEndpoint ?? {},
    });
    const once: Readonly<Record<string, () => ReturnType<Reconcile>>> = {
      'host-endpoints': () => hostEndpoints.reconcile(),
      cluster: () =>
        keepClusterInformation({ client, version: VERSION, newGuid: () => randomBytes(16).toString('hex') }),
      configuration: () => configuration.reconcile(),
      questions: () => questions.reconcile(),
      'lost-services': () => this.#findLostServices(),
      'lost-reports': async () => {
        for (const node of await reports.reporters())
          if (!this.#nodes.has(node)) this.#queue.add('report', node);
        return undefined;
      },
    };
    return {
      pool: async name => (await poolStatus.reconcile(name)) ?? poolEnd.reconcile(name),
      affinity: name => nodeLoss.reconcile(name),
      service: key => services.reconcile(key),
      'service-gone': key => services.release(key),
      tier: name => tiers.reconcile(name),
      report: name => reports.reconcile(name),
      finding: async key => {
        const [kind, name] = cut(key);
        const object = this.#judged.get(key);
        findings.look(kind as JudgedKind, name, object);
        return object && tellAccepted(client, kind as JudgedKind, object);
      },
      garbage: () => this.garbage.reconcile(),
      // Nodes tell within the same second: what they say is added up once.
      summaries: async () => {
        await sleep(SUMMARY_MS);
        for (const name of this.#summaries.stale()) this.#queue.add('summary', name);
        return undefined;
      },
      summary: name => this.#summaries.reconcile(name),
      once: name => (once[name] as () => ReturnType<Reconcile>)(),
    };
  }

  /** Services that were deleted while nobody looked. */
  async #findLostServices(): Promise<string | undefined> {
    const lives = await servicesWithHandles(this.#options.client);
    if (!lives.ok) return lives.fault;
    for (const { namespace, name, uid } of lives.value) {
      const key = `${namespace}/${name}`;
      if (this.#services.get(key)?.uid === uid) this.#queue.add('service', key);
      else this.#queue.add('service-gone', `${key}/${uid}`);
    }
    return undefined;
  }

  #balanced(): readonly string[] {
    return [...this.#services].filter(([, { balanced }]) => balanced).map(([key]) => key);
  }

  #reflectors(): readonly Reflector<AnyObject>[] {
    const queue = (kind: string, names: Iterable<string>) => {
      for (const name of names) this.#queue.add(kind, name);
    };
    const services = () => queue('service', this.#balanced());
    return [
      this.#watch('IPPool', (key, object, gone) => {
        const before = this.#pools.get(key);
        keep(this.#pools, key, object, gone);
        const now = gone ? undefined : object;
        // What we write ourselves, conditions and finalizers, changes nothing for other pools or Services.
        if (now !== undefined && before !== undefined && meansTheSame(before, now))
          return queue('pool', [key]);
        queue('pool', poolsNear(this.#pools, before, now));
        services();
      }),
      this.#watch('Node', (key, object, gone) => {
        const known = this.#nodes.get(key);
        keep(this.#nodes, key, object, gone);
        if (gone) {
          queue('affinity', this.#affinities.keys());
          queue('report', [key]);
        }
        const moved = gone || known === undefined ? undefined : addressChangeNote(known, object);
        if (moved !== undefined && this.#options.leads()) this.#options.tell(moved);
        // Heartbeats are no news.
        if (gone || known === undefined || faceOf(known) !== faceOf(object))
          queue('once', ['host-endpoints']);
      }),
      this.#watch('BlockAffinity', (key, object, gone) => {
        keep(this.#affinities, key, object, gone);
        queue('affinity', [key]);
      }),
      this.#watch('Service', (key, object, gone) => {
        const before = this.#services.get(key);
        const { uid = '' } = object.metadata;
        const { type } = (object['spec'] ?? {}) as { readonly type?: string };
        const now = { uid, balanced: type === 'LoadBalancer' };
        if (gone || (before !== undefined && before.uid !== uid))
          queue('service-gone', [`${key}/${before?.uid ?? uid}`]);
        keep(this.#services, key, now, gone);
        if (now.balanced || before?.balanced === true) queue('service', [key]);
      }),
      this.#watch('Tier', (key, object, gone) => {
        keep(this.#tiers, key, object, gone);
        queue('tier', [key]);
      }),
      this.#watch('HostEndpoint', (key, object, gone) => {
        this.#judge('HostEndpoint', key, object, gone);
        queue('once', ['host-endpoints']);
      }),
      this.#watch('KubeControllersConfiguration', (key, object, gone) => {
        if (key !== 'default') return;
        this.#settings = gone ? {} : ((object['spec'] ?? {}) as ControllersSpec);
        queue('once', ['host-endpoints', 'configuration']);
        services();
      }),
      ...JUDGED_KINDS.filter(kind => kind !== 'HostEndpoint').map(kind =>
        this.#watch(
          kind,
          (key, object, gone) => {
            this.#judge(kind, key, object, gone);
            this.#sum(kind, object, gone);
          },
          // Not ours to install.
          RESOURCES[kind].group === 'policy.networking.k8s.io',
        ),
      ),
      // Without their definitions everything else goes on.
      this.#watch(
        'PolicyNodeStatus',
        (key, object, gone) => {
          keep(this.#policyReports, key, nodeReport(key, object['status'] as object | undefined), gone);
          queue('summaries', ['all']);
        },
        true,
      ),
      this.#watch(
        'PolicyStatus',
        (key, object, gone) => {
          keep(this.#policyStatuses, key, object, gone);
          if (gone) queue('summaries', ['all']);
        },
        true,
      ),
    ];
  }

  #sum(kind: keyof typeof RESOURCES, object: AnyObject, gone: boolean): void {
    if (!POLICY_RESOURCES.includes(kind)) return;
    this.#summaries.saw(kind, object, gone);
    this.#queue.add('summaries', 'all');
  }

  #judge(kind: JudgedKind, key: string, object: AnyObject, gone: boolean): void {
    keep(this.#judged, `${kind}/${key}`, object, gone);
    this.#queue.add('finding', `${kind}/${key}`);
    // It may have been the last policy that a tier waited for.
    for (const [name, { metadata }] of this.#tiers)
      if (metadata.deletionTimestamp) this.#queue.add('tier', name);
  }

  #watch(
    kind: keyof typeof RESOURCES,
    onObject: (key: string, object: AnyObject, gone: boolean) => void,
    optional = false,
  ): Reflector<AnyObject> {
    return new Reflector<AnyObject>(this.#options.client, RESOURCES[kind], {
      optional,
      onEvent: event => {
        if (event.type !== 'synced') onObject(keyOf(event.object), event.object, event.type === 'delete');
      },
      onFault: fault => this.#broke(kind, RESOURCES[kind], fault),
    });
  }
}

function keep<T>(map: Map<string, T>, name: string, value: T, gone: boolean): void {
  if (gone) map.delete(name);
  else map.set(name, value);
}

/** Kind and name of a key. */
function cut(key: string): readonly [string, string] {
  const slash = key.indexOf('/');
  return [key.slice(0, slash), key.slice(slash + 1)];
}

/** What of a Node decides its host endpoints. */
function faceOf(node: AnyObject): string {
  const { labels, annotations } = node.metadata;
  const { addresses } = (node['status'] ?? {}) as { readonly addresses?: unknown };
  return JSON.stringify([labels, annotations, addresses]);
}
