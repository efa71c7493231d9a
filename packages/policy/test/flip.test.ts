import type { FactChange } from '@muslin/api';
import { mustIp } from '@muslin/net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyChange } from '../src/applied-change.ts';
import { type Flow, flips, flipsTogether, verdict } from '../src/index.ts';
import { cluster, namespace, node, peer, pod, policy, ports, TCP } from './cluster.ts';
import { flows, worlds } from './worlds.ts';

const world = [
  node('n1', '192.168.0.1'),
  namespace('shop'),
  namespace('lab', { team: 'science' }),
  pod('shop/db', { ips: ['10.0.0.1'], labels: { app: 'db' } }),
  pod('shop/web', { ips: ['10.0.0.2'], labels: { app: 'web' } }),
  pod('lab/job', { ips: ['10.0.0.3'], labels: { app: 'job' } }),
];
const guarded = policy('knp/shop/guard', {
  selector: "app == 'db'",
  ingress: [{ protocol: TCP, source: peer("app == 'api'"), destination: ports(80) }],
});
const flow: Flow = {
  from: { endpoint: 'pod/shop/web' },
  to: { endpoint: 'pod/shop/db' },
  protocol: TCP,
  port: 80,
};
const texts = (things: readonly FactChange[], more: Partial<Flow> = {}) =>
  flips(cluster(...world, ...things), { ...flow, ...more }).map(edit => edit.text);

describe('flips', () => {
  it('offers what would allow a denied flow, the smallest first', () => {
    expect(texts([guarded])).toEqual([
      'remove label app from Pod shop/db',
      'set label app=api on Pod shop/db',
      'set label app=api on Pod shop/web',
      'add the pods of namespace shop with app == "web" to spec.ingress[0].from of NetworkPolicy shop/guard',
      'add a rule to NetworkPolicy shop/guard that allows ingress from the pods of namespace shop with app == "web" on TCP 80',
      'remove NetworkPolicy shop/guard',
    ]);
  });

  it('offers a port when only the port is missing', () => {
    const api = pod('shop/web', { ips: ['10.0.0.2'], labels: { app: 'api' } });
    expect(texts([guarded, api], { port: 81 })).toContain(
      'add port TCP 81 to spec.ingress[0].ports of NetworkPolicy shop/guard',
    );
  });

  it('offers the address of an end that no selector can select', () => {
    expect(texts([guarded], { from: { ip: mustIp('203.0.113.9') } })).toContain(
      'add 203.0.113.9/32 to spec.ingress[0].from of NetworkPolicy shop/guard',
    );
  });

  it('offers a label of the namespace when a rule asks for one', () => {
    const byTeam = policy('knp/shop/guard', { ingress: [{ source: peer("pcns.team == 'sales'") }] });
    expect(texts([byTeam], { from: { endpoint: 'pod/lab/job' } })).toContain(
      'set label team=sales on Namespace lab',
    );
  });

  it('offers what would deny an allowed flow', () => {
    expect(texts([])).toEqual([
      'add a policy that isolates the pods of namespace shop with app == "db" for ingress',
      'add a policy that isolates the pods of namespace shop with app == "web" for egress',
    ]);
    const open = policy('knp/shop/open', {
      selector: "app == 'db'",
      ingress: [{ source: peer("app == 'web'") }],
    });
    expect(texts([open])).toContain('remove spec.ingress[0] (Allow) from NetworkPolicy shop/open');
    expect(texts([open])).toContain('remove label app from Pod shop/web');
  });

  it('offers to remove the rule that denies', () => {
    const deny = policy('np/shop/p', { selector: "app == 'db'", ingress: [{ action: 'Deny' }, {}] });
    expect(texts([deny])).toContain('remove spec.ingress[0] (Deny) from NetworkPolicy shop/p');
  });

  it('offers nothing when both ends deny for reasons of their own', () => {
    const out = policy('knp/shop/out', { selector: "app == 'web'", egress: [], directions: ['egress'] });
    const into = policy('knp/shop/in', { selector: "app == 'db'" });
    expect(texts([out, into])).toEqual([]);
    expect(flipsTogether(cluster(...world, out, into), flow).map(edit => edit.text)).toEqual([
      'add a rule to NetworkPolicy shop/out that allows egress to the pods of namespace shop with app == "db" on TCP 80',
      'add a rule to NetworkPolicy shop/in that allows ingress from the pods of namespace shop with app == "web" on TCP 80',
    ]);
    expect(flipsTogether(cluster(...world, into), flow)).toEqual([]);
  });

  it('takes the rule along with its last peer, and says which type must stay when no rule does', () => {
    const twoPeers = policy('knp/shop/open', {
      egress: [
        { source: {}, destination: peer("app == 'db'"), path: 'spec.egress[0].to[0]' },
        { source: {}, destination: peer("app == 'api'"), path: 'spec.egress[0].to[1]' },
      ],
      directions: ['egress'],
    });
    expect(texts([twoPeers])).toContain('remove spec.egress[0].to[0] (Allow) from NetworkPolicy shop/open');
    const onePeer = policy('knp/shop/open', {
      egress: [{ source: {}, destination: peer("app == 'db'"), path: 'spec.egress[0].to[0]' }],
      directions: ['egress'],
    });
    expect(texts([onePeer])).toContain(
      'remove spec.egress[0] (Allow) from NetworkPolicy shop/open, with Egress in its policyTypes',
    );
  });

  it('says that a rule must stand first where others may deny', () => {
    const deny = policy('gnp/deny', { selector: "app == 'db'", ingress: [{ action: 'Deny' }] });
    expect(texts([deny])).toContain(
      'put a rule before the others of GlobalNetworkPolicy deny that allows ingress from the pods of namespace shop with app == "web" on TCP 80',
    );
  });

  it('offers only what really turns the answer round', () => {
    let offered = 0;
    fc.assert(
      fc.property(worlds, fc.array(flows, { minLength: 10, maxLength: 10 }), (facts, questions) => {
        const snapshot = cluster(...facts);
        for (const question of questions) {
          const before = verdict(snapshot, question);
          for (const { change } of flips(snapshot, question)) {
            const after = verdict(applyChange(snapshot, change), question);
            expect(after.ok && before.ok && after.value.answer !== before.value.answer).toBe(true);
            offered++;
          }
        }
      }),
      { numRuns: 150 },
    );
    expect(offered).toBeGreaterThan(100);
  });
});
