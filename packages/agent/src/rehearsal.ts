import { setTimeout } from 'node:timers/promises';
import { openStage } from '@muslin/linux';
import { type Family, ip4, ip6, type Ip } from '@muslin/net';
import type { Logger } from 'pino';
import { AgentCore } from './core/agent-core.ts';
import type { BackEnd } from './kernel/back-end.ts';
import { Enforcer } from './kernel/enforcer.ts';
import { Kernel } from './kernel/kernel.ts';
import { RuleProof } from './kernel/rule-proof.ts';

const NODE = 'stage';
const NAMESPACE = 'stage';
const PODS = 6;
/** Comings and goings; with more the next round is hardly faster. */
const ROUNDS = 180;
/** While somebody waits for the agent, a rehearsal waits too. */
const REST_MS = 20;

/** What a rehearsal takes. */
export interface RehearsalOptions {
  readonly families: readonly Family[];
  readonly backEnd: BackEnd;
  readonly rounds?: number;
  /** Whether somebody waits for the agent. */
  readonly isBusy: () => boolean;
  readonly isOver: () => boolean;
}

/** Rehearses aside, where it is wished for; gives what ends it early. */
export function startRehearsal(
  wish: 'on' | 'off',
  options: Omit<RehearsalOptions, 'isOver'> & { readonly log: Pick<Logger, 'error'> },
): () => void {
  let over = wish === 'off';
  rehearse({ ...options, isOver: () => over }).catch(error => {
    // The real thing may do well all the same, and says so itself if not.
    options.log.error(`the rehearsal broke off: ${(error as Error).stack}`);
  });
  return () => {
    over = true;
  };
}

/**
 * Lets made-up pods come and go, each with a round of rules: compiled, rendered, proved, planned and written, but sent
 * nowhere. V8 interprets what has not run often: the first pod's rules take 30 ms of computing, the hundredth's 3. Takes most
 * of a second of one core once, in slices of milliseconds. Says how many rounds had something to do.
 */
export async function rehearse(options: RehearsalOptions): Promise<number> {
  const { families, backEnd, rounds = ROUNDS, isBusy, isOver } = options;
  if (isOver()) return 0;
  const core = new AgentCore({ node: NODE, families, endpointToHostAction: 'Accept' });
  for (const object of [...SCENERY, ...Array.from({ length: PODS }, (_, i) => podObject(i))])
    core.tell({ type: 'object', object });
  const kernel = new Kernel(openStage(), families, backEnd);
  const proof = new RuleProof('enforce');
  let played = 0;
  const enforcer = new Enforcer({
    ...{ core, kernel, refreshMs: 1 << 30 },
    prove: desired => {
      proof.check(desired, () => kernel.rendered(desired));
      return undefined;
    },
    onTaken: () => {},
    onRound: ({ steps }) => {
      if (steps > 0) played++;
    },
    onFault: () => {},
  });
  enforcer.start();
  for (let turn = 0; turn < rounds && !isOver(); turn++) {
    while (isBusy() && !isOver()) await setTimeout(REST_MS, undefined, { ref: false });
    const pod = turn % PODS;
    const life = Math.floor(turn / PODS / 2);
    const place = { key: `pod/${NAMESPACE}/${pod}`, hostInterface: `msl-stage${pod}` };
    const comes = Math.floor(turn / PODS) % 2 === 0;
    if (comes)
      core.tell({
        type: 'local',
        endpoint: {
          ...{ ...place, containerId: `${life}`, uid: `${pod}`, routedBy: 'us', ports: [] },
          ips: families.map(family => addressOf(family, turn % 250)),
        },
      });
    else core.tell({ type: 'not-local', ...place, containerId: `${life}` });
    await enforcer.enforce();
  }
  await enforcer.stop();
  return played;
}

function addressOf(family: Family, last: number): Ip {
  // RFC 5737 and RFC 3849: addresses that nobody has.
  return family === 4 ? ip4(0xc0_00_02_00 + last) : ip6(0x2001_0db8, 0, 0, last);
}

const podObject = (i: number) => ({
  ...{ apiVersion: 'v1', kind: 'Pod' },
  metadata: {
    namespace: NAMESPACE,
    name: `${i}`,
    uid: `${i}`,
    labels: { role: i % 3 === 0 ? 'lone' : 'one' },
  },
  spec: { nodeName: NODE, containers: [] },
});

/** Isolated both ways, in the ways that policies are mostly written. */
const SCENERY = [
  { apiVersion: 'v1', kind: 'Node', metadata: { name: NODE }, spec: {} },
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } },
  {
    ...{ apiVersion: 'projectcalico.org/v3', kind: 'IPPool', metadata: { name: 'stage' } },
    spec: { cidr: '192.0.2.0/24', natOutgoing: true },
  },
  {
    ...{ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy' },
    metadata: { namespace: NAMESPACE, name: 'each-other' },
    spec: {
      podSelector: {},
      policyTypes: ['Ingress', 'Egress'],
      ingress: [{ from: [{ podSelector: {} }], ports: [{ port: 8080 }] }],
      egress: [{ to: [{ podSelector: {} }, { ipBlock: { cidr: '198.51.100.0/24' } }] }],
    },
  },
  {
    ...{ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy' },
    metadata: { namespace: NAMESPACE, name: 'lone' },
    spec: { podSelector: { matchLabels: { role: 'lone' } }, policyTypes: ['Egress'], egress: [] },
  },
] as const;
