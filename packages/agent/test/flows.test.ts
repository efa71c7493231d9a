import type { Flow } from '@muslin/linux';
import { mustIp, ok } from '@muslin/net';
import { describe, expect, test, vi } from 'vitest';
import { FlowJudge } from '../src/core/denied-flows.ts';
import { type Cut, FlowCutter } from '../src/kernel/flow-cutter.ts';
import {
  coreOf,
  egressDeny,
  gone,
  here,
  local,
  NAMESPACE,
  object,
  podObject,
  policyObject,
} from './cluster-facts.ts';

const WEB = '10.0.0.1';
const DB = '10.0.0.2';
const EVIL = '10.0.0.3';
const NODE = '192.168.0.1';
const OUTSIDE = '8.8.8.8';

function clusterOf(...policies: readonly object[]) {
  const pods = Object.entries({ web: WEB, db: DB, evil: EVIL });
  return coreOf([
    object(NAMESPACE),
    ...pods.flatMap(([name, ip]) => [object(podObject(name, name)), here(local(name, name, [ip]))]),
    ...policies.map(object),
  ]);
}

/** A flow as conntrack shows it: `via` is what the client dialled when that was translated. */
function flow(
  from: string,
  to: string,
  port: number,
  options: { protocol?: number; via?: string; snat?: string } = {},
): Flow {
  const { protocol = 6, via = to, snat = from } = options;
  const [source, destination] = [mustIp(from), mustIp(via)];
  const ports = protocol === 1 ? {} : { sourcePort: 40_000, destinationPort: via === to ? port : 443 };
  const back = protocol === 1 ? {} : { sourcePort: port, destinationPort: 40_000 };
  const icmp = protocol === 1 ? { icmp: { id: 7, type: 8, code: 0 } } : {};
  return {
    original: { source, destination, protocol, ...ports, ...icmp },
    reply: { source: mustIp(to), destination: mustIp(snat), protocol, ...back },
    seenReply: true,
    assured: true,
    sourceNat: snat !== from,
    destinationNat: via !== to,
  };
}

const judgeOf = (core: ReturnType<typeof coreOf>) =>
  new FlowJudge(core.desired().state, [mustIp(NODE)], NO_TUNNELS);
const NO_TUNNELS = { allowIpip: false, allowVxlan: false, vxlanPort: 4789 };

describe('a tracked flow of the node itself', () => {
  const calico = (kind: string, spec: object) => ({
    apiVersion: 'projectcalico.org/v3',
    kind,
    metadata: { name: 'x', labels: { role: 'node' } },
    spec,
  });
  const hep = (spec: object) => calico('HostEndpoint', { node: 'n1', ...spec });
  const policy = calico('GlobalNetworkPolicy', {
    selector: "role == 'node'",
    ingress: [{ action: 'Allow', protocol: 'TCP', destination: { ports: [443] } }],
    egress: [{ action: 'Allow', protocol: 'TCP', destination: { ports: [443] } }],
  });
  const judge = judgeOf(clusterOf(hep({ interfaceName: '*' }), policy));
  test.each([
    ['to an open port', flow(OUTSIDE, NODE, 443), undefined],
    ['to a closed port', flow(OUTSIDE, NODE, 80), 'ingress'],
    ['to a failsafe port', flow(OUTSIDE, NODE, 22), undefined],
    ['from it to an open port', flow(NODE, OUTSIDE, 443), undefined],
    ['from it to a closed port', flow(NODE, OUTSIDE, 80), 'egress'],
    ['to its pod', flow(NODE, DB, 80), undefined],
    ['from its pod', flow(WEB, NODE, 80), undefined],
    ['to itself', flow(NODE, NODE, 80), undefined],
    ['that it only forwards', flow(OUTSIDE, '8.8.4.4', 80), undefined],
  ])('%s: %#', (_, tracked, expected) => {
    expect(judge.deniedBy(tracked)).toBe(expected);
  });

  test('is left alone where its interface is not known, and where no host endpoint is', () => {
    const named = judgeOf(clusterOf(hep({ interfaceName: 'eth0' }), policy));
    expect(named.deniedBy(flow(OUTSIDE, NODE, 80))).toBeUndefined();
    const placed = judgeOf(clusterOf(hep({ interfaceName: 'eth0', expectedIPs: [NODE] }), policy));
    expect(placed.deniedBy(flow(OUTSIDE, NODE, 80))).toBe('ingress');
    expect(judgeOf(clusterOf(policy)).deniedBy(flow(OUTSIDE, NODE, 80))).toBeUndefined();
  });
});

describe('a tracked flow', () => {
  const judge = judgeOf(clusterOf(policyObject('guard', 'db', 'web')));
  test.each([
    ['from an allowed pod to the allowed port', flow(WEB, DB, 80), undefined],
    ['from an allowed pod to another port', flow(WEB, DB, 81), 'ingress'],
    ['by another protocol', flow(WEB, DB, 80, { protocol: 17 }), 'ingress'],
    ['from another pod', flow(EVIL, DB, 80), 'ingress'],
    ['from outside', flow(OUTSIDE, DB, 80), 'ingress'],
    ['from the node itself, for probes', flow(NODE, DB, 81), undefined],
    ['a ping from the node', flow(NODE, DB, 0, { protocol: 1 }), undefined],
    ['a ping from another pod', flow(EVIL, DB, 0, { protocol: 1 }), 'ingress'],
    ['through a Service, by the backend and its port', flow(WEB, DB, 80, { via: '10.96.0.9' }), undefined],
    ['through a Service to another port', flow(WEB, DB, 81, { via: '10.96.0.9' }), 'ingress'],
    [
      'from outside behind a node’s address, by its own',
      flow(OUTSIDE, DB, 80, { via: NODE, snat: NODE }),
      'ingress',
    ],
    ['of the pod to itself', flow(DB, DB, 81), undefined],
    ['of the pod to itself through a Service', flow(DB, DB, 81, { via: '10.96.0.9', snat: NODE }), undefined],
    ['that the isolated pod began', flow(DB, EVIL, 9), undefined],
    ['among others', flow(OUTSIDE, '10.0.9.9', 80), undefined],
  ])('%s', (_, tracked, denied) => {
    expect(judge.deniedBy(tracked)).toBe(denied);
  });

  test('that its sender may not begin is denied at that end', () => {
    const sender = judgeOf(clusterOf(egressDeny('quiet', 'web')));
    expect(sender.deniedBy(flow(WEB, DB, 80))).toBe('egress');
    expect(sender.deniedBy(flow(WEB, NODE, 6443))).toBe('egress');
    expect(sender.deniedBy(flow(DB, WEB, 80))).toBeUndefined();
    expect(sender.deniedBy(flow(WEB, WEB, 80))).toBeUndefined();
    expect(sender.deniedBy(flow(WEB, WEB, 80, { via: '10.96.0.9', snat: NODE }))).toBe('egress');
  });

  test.each([
    ['VXLAN to outside', flow(WEB, OUTSIDE, 4789, { protocol: 17 }), 'egress'],
    ['VXLAN to a node', flow(WEB, NODE, 4789, { protocol: 17 }), 'egress'],
    ['VXLAN through a Service', flow(WEB, DB, 4789, { protocol: 17, via: '10.96.0.9' }), 'egress'],
    ['VXLAN to itself', flow(WEB, WEB, 4789, { protocol: 17 }), undefined],
    ['TCP to that port', flow(WEB, OUTSIDE, 4789), undefined],
    ['VXLAN of the node', flow(NODE, OUTSIDE, 4789, { protocol: 17 }), undefined],
    ['VXLAN to a pod from outside', flow(OUTSIDE, WEB, 4789, { protocol: 17 }), undefined],
    ['IP in IP', flow(WEB, OUTSIDE, 0, { protocol: 4 }), 'egress'],
  ])('that a pod wraps is denied, whatever policies say: %s', (_, tracked, denied) => {
    const { state } = clusterOf().desired();
    expect(new FlowJudge(state, [mustIp(NODE)], NO_TUNNELS).deniedBy(tracked)).toBe(denied);
    const allowed = { allowIpip: true, allowVxlan: true, vxlanPort: 4789 };
    expect(new FlowJudge(state, [mustIp(NODE)], allowed).deniedBy(tracked)).toBeUndefined();
  });

  test('is nobody’s business where no policy isolates', () => {
    const judge = judgeOf(clusterOf());
    expect(judge.idle).toBe(true);
    expect(judge.deniedBy(flow(EVIL, DB, 1))).toBeUndefined();
  });
});

describe('cutting', () => {
  function cutterOver(flows: Flow[]) {
    const removed: Flow[] = [];
    const cuts: Cut[] = [];
    const faults: string[] = [];
    let reads = 0;
    const tracker = {
      readAside: vi.fn(async () => {
        reads++;
        return ok([...flows]);
      }),
      remove: vi.fn((some: readonly Flow[]) => {
        for (const one of some) {
          const at = flows.indexOf(one);
          if (at >= 0) flows.splice(at, 1);
          removed.push(one);
        }
        return ok(some.length);
      }),
    };
    const cutter = new FlowCutter({
      tracker,
      nodeAddresses: () => [mustIp(NODE)],
      onCut: cut => cuts.push(cut),
      onFault: message => faults.push(message),
    });
    return { cutter, removed, cuts, faults, tracker, reads: () => reads };
  }

  test('takes out what is denied and leaves the rest', async () => {
    const [good, bad] = [flow(WEB, DB, 80), flow(EVIL, DB, 80)];
    const { cutter, removed, cuts } = cutterOver([good, bad]);
    const { state, stateVersion } = clusterOf(policyObject('guard', 'db', 'web')).desired();
    cutter.enforced(state, stateVersion, NO_TUNNELS);
    await vi.waitFor(() => expect(cuts).toHaveLength(1));
    expect(removed).toEqual([bad]);
    expect(cuts[0]).toMatchObject({ stateVersion, judged: 2, cut: 1 });
  });

  test('does not look again while nothing changed, nor, after the first time, where no policy isolates', async () => {
    const { cutter, cuts, reads } = cutterOver([flow(EVIL, DB, 80)]);
    const core = clusterOf();
    const start = core.desired();
    cutter.enforced(start.state, start.stateVersion, NO_TUNNELS);
    await vi.waitFor(() => expect(cuts.splice(0)).toMatchObject([{ cut: 0 }]));
    core.tell(object(podObject('more', 'more')));
    core.tell(here(local('more', 'more', ['10.0.0.4'])));
    const first = core.desired();
    expect(first.stateVersion).not.toBe(start.stateVersion);
    cutter.enforced(first.state, first.stateVersion, NO_TUNNELS);
    await new Promise(resolve => setTimeout(resolve, 5));
    expect(reads()).toBe(1);
    core.tell(object(policyObject('guard', 'db', 'web')));
    const second = core.desired();
    cutter.enforced(second.state, second.stateVersion, NO_TUNNELS);
    cutter.enforced(second.state, second.stateVersion, NO_TUNNELS);
    await vi.waitFor(() => expect(cuts).toHaveLength(1));
    cutter.enforced(second.state, second.stateVersion, NO_TUNNELS);
    await new Promise(resolve => setTimeout(resolve, 5));
    expect(reads()).toBe(2);
  });

  test('what a pod wraps is taken out when the permission goes, though no policy isolates', async () => {
    const wrapped = flow(WEB, OUTSIDE, 4789, { protocol: 17 });
    const { cutter, cuts, removed, reads } = cutterOver([wrapped, flow(WEB, OUTSIDE, 53, { protocol: 17 })]);
    const { state, stateVersion } = clusterOf().desired();
    cutter.enforced(state, stateVersion, { ...NO_TUNNELS, allowVxlan: true });
    await vi.waitFor(() => expect(cuts).toHaveLength(1));
    expect(removed).toEqual([]);
    cutter.enforced(state, stateVersion, NO_TUNNELS);
    cutter.enforced(state, stateVersion, NO_TUNNELS);
    await vi.waitFor(() => expect(cuts).toHaveLength(2));
    expect(removed).toEqual([wrapped]);
    expect(reads()).toBe(2);
  });

  test('a change in the middle of a look is used for the rest of it, and makes another', async () => {
    const flows = Array.from({ length: 60_000 }, () => flow(EVIL, DB, 80));
    const { cutter, cuts, tracker } = cutterOver([...flows, flow(WEB, DB, 81)]);
    tracker.remove.mockImplementation(some => ok(some.length));
    const core = clusterOf(policyObject('guard', 'db', 'web'));
    const first = core.desired();
    cutter.enforced(first.state, first.stateVersion, NO_TUNNELS);
    await new Promise(resolve => setTimeout(resolve, 10));
    core.tell(gone(policyObject('guard', 'db', 'web')));
    core.tell(object(policyObject('guard', 'db', 'evil')));
    const second = core.desired();
    cutter.enforced(second.state, second.stateVersion, NO_TUNNELS);
    await vi.waitFor(() => expect(cuts).toHaveLength(2), { timeout: 10_000 });
    expect(cuts[0]?.stateVersion).toBe(first.stateVersion);
    expect(cuts[0]?.cut).toBeLessThan(60_000);
    expect(cuts[1]).toMatchObject({ stateVersion: second.stateVersion, cut: 1 });
    cutter.stop();
  });

  test('lets other work in between, after few of many flows', async () => {
    const flows = Array.from({ length: 50_000 }, (_, i) => flow(i % 2 ? WEB : EVIL, DB, 80));
    const { cutter, cuts, tracker } = cutterOver(flows);
    tracker.remove.mockImplementation(some => ok(some.length));
    const { state, stateVersion } = clusterOf(policyObject('guard', 'db', 'web')).desired();
    let turns = 0;
    const others = () => {
      turns++;
      if (cuts.length === 0) setImmediate(others);
    };
    // A clock that goes on with each reading: how many flows a slice has is then the same on every machine.
    let now = 0;
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => (now += 0.01));
    cutter.enforced(state, stateVersion, NO_TUNNELS);
    others();
    await vi.waitFor(() => expect(cuts).toHaveLength(1), { timeout: 10_000 });
    clock.mockRestore();
    expect(cuts[0]?.cut).toBe(25_000);
    expect(turns).toBeGreaterThan(50_000 / 400);
  });

  test('forgets all flows of addresses whose pods are gone, in one look for all who ask together', async () => {
    const gone = [flow(WEB, DB, 80), flow(OUTSIDE, EVIL, 80), flow(WEB, OUTSIDE, 53, { snat: NODE })];
    const stays = flow(DB, OUTSIDE, 443);
    const { cutter, removed, reads } = cutterOver([...gone, stays]);
    await Promise.all([cutter.forget([mustIp(WEB)]), cutter.forget([mustIp(EVIL)]), cutter.forget([])]);
    expect(removed).toEqual(gone);
    expect(reads()).toBe(1);
  });

  test('shares a look among those who ask soon after one another', async () => {
    const { cutter, reads } = cutterOver([flow(WEB, DB, 80)]);
    await cutter.forget([mustIp(WEB)]);
    await Promise.all(
      [DB, EVIL, OUTSIDE].map(async ip => {
        await new Promise(resolve => setImmediate(resolve));
        await cutter.forget([mustIp(ip)]);
      }),
    );
    expect(reads()).toBe(2);
  });

  test('looks at once when somebody waits for it', async () => {
    const { cutter, reads } = cutterOver([flow(WEB, DB, 80)]);
    await cutter.forget([mustIp(WEB)]);
    // No pause ends by itself.
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const waiting = cutter.forget([mustIp(DB)]);
      cutter.hurry();
      await waiting;
      const later = cutter.forget([mustIp(EVIL)]);
      for (let turn = 0; turn < 5; turn++) await new Promise(resolve => setImmediate(resolve));
      expect(reads()).toBe(2);
      cutter.hurry();
      await later;
      expect(reads()).toBe(3);
    } finally {
      vi.useRealTimers();
    }
  });
});
