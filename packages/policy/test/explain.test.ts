import type { FactChange } from '@muslin/api';
import { mustIp } from '@muslin/net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { explain, type Flow, verdict } from '../src/index.ts';
import { block, cluster, namespace, node, peer, pod, policy, ports, service, TCP, tier } from './cluster.ts';
import { flows, worlds } from './worlds.ts';

const world = [
  node('n1', '192.168.0.1'),
  namespace('shop'),
  pod('shop/db', { ips: ['10.0.0.1'], labels: { app: 'db' } }),
  pod('shop/web', { ips: ['10.0.0.2'], labels: { app: 'web' } }),
  tier('security', { order: 1, defaultAction: 'Pass' }),
];

function text(things: readonly FactChange[], more: Partial<Flow> = {}): string {
  const [from, to] = [{ endpoint: 'pod/shop/web' }, { endpoint: 'pod/shop/db' }];
  const answer = verdict(cluster(...world, ...things), { from, to, protocol: TCP, port: 80, ...more });
  return answer.ok ? explain(answer.value) : answer.fault.message;
}

describe('explain', () => {
  it('tells every step at both ends', () => {
    const guard = policy('knp/shop/guard', {
      selector: "app == 'db'",
      ingress: [
        { protocol: TCP, source: peer("app == 'api'"), destination: ports(80) },
        { protocol: TCP, source: peer("app == 'web'"), destination: ports(5432, 'pg') },
        { source: block('10.0.0.0/8', '10.0.0.0/24') },
      ],
    });
    const log = policy('gnp/log', { tier: 'security', ingress: [{ action: 'Log' }] });
    const trial = policy('sgnp/trial', { order: 1, staged: true, ingress: [{ action: 'Deny' }] });
    expect(text([guard, log, trial])).toBe(`DENY  pod/shop/web → pod/shop/db  TCP 80

denied: 10.0.0.2 (pod/shop/web) → 10.0.0.1 (pod/shop/db)  TCP 80
  Egress from pod/shop/web: allowed, because no policy isolates it in this direction.
  Ingress to pod/shop/db: denied, at the end of tier default: its policy isolates the pod and no rule matches.
    tier security
      GlobalNetworkPolicy log
        spec.ingress[0] Log: matches
      end of tier: Pass
    tier default
      NetworkPolicy trial (staged, not enforced; it would deny)
        spec.ingress[0] Deny: matches
      NetworkPolicy shop/guard
        spec.ingress[0] Allow: no match, source 10.0.0.2 is not selected by app == "api"
        spec.ingress[1] Allow: no match, destination port 80 is not 5432 or a port named pg of the pods with app == "db" && projectcalico.org/namespace == "shop"
        spec.ingress[2] Allow: no match, source 10.0.0.2 is excepted by 10.0.0.0/24
      end of tier: Deny`);
  });

  it('names the member by which a rule matched', () => {
    const open = policy('knp/shop/p', { ingress: [{ source: peer("app == 'web'") }] });
    expect(text([open])).toContain('spec.ingress[0] Allow: matches (10.0.0.2/32 of app == "web")');
  });

  it('tells of translation, readiness and hairpins', () => {
    const self = service('shop/db', '10.96.0.1', ['10.0.0.1:5432'], { notReady: ['10.0.0.9:5432'] });
    const told = text([self], { from: { endpoint: 'pod/shop/db' }, to: { service: 'shop/db' } });
    expect(told).toContain('Service shop/db (10.96.0.1) is translated to a backend');
    expect(told).toContain('comes back from its node n1');
    expect(told).toContain('it is not ready');
    expect(told).toContain('10.0.0.1 (pod/shop/db)  TCP 5432');
  });

  it('tells what a staged deletion would change, only where the policy that would go was asked', () => {
    const shut = policy('knp/shop/shut', { selector: "app == 'db'", ingress: [] });
    const other = policy('knp/shop/other', { selector: "app == 'web'", ingress: [] });
    const gone = (name: string) =>
      policy(`sknp/shop/${name}`, {
        staged: true,
        selector: '!all()',
        directions: [],
        removes: `knp/shop/${name}`,
      });
    const told = (...things: readonly FactChange[]) =>
      text(things)
        .split('\n')
        .filter(line => line.includes('Staged:'))
        .map(line => line.trim());
    const line = (answer: string) =>
      `Staged: without NetworkPolicy shop/shut the answer would be ${answer} (NetworkPolicy shop/shut would delete it).`;
    expect(told(shut, other, gone('shut'), gone('other'))).toEqual([line('allow')]);
    const also = policy('knp/shop/also', { selector: "app == 'db'", ingress: [] });
    expect(told(shut, also, gone('shut'))).toEqual([line('deny')]);
    expect(told(gone('shut'))).toEqual([]);
    expect(text([shut, gone('shut')])).toMatch(/^DENY/);
  });

  it('says whose fault it is when there is no answer', () => {
    expect(text([], { to: { endpoint: 'pod/shop/ghost' } })).toBe(
      'There is no endpoint pod/shop/ghost. Pods are named pod/<namespace>/<name>.',
    );
    expect(text([], { to: { ip: mustIp('fd00::1') } })).toBe('pod/shop/web and fd00::1 share no IP family.');
  });

  it('has words for whatever can happen', () => {
    fc.assert(
      fc.property(worlds, fc.array(flows, { minLength: 10, maxLength: 10 }), (facts, list) => {
        const snapshot = cluster(...facts);
        for (const flow of list) {
          const answer = verdict(snapshot, flow);
          const words = answer.ok ? explain(answer.value) : answer.fault.message;
          expect(words).not.toMatch(/undefined|\[object|NaN|\bnull\b/);
        }
      }),
      { numRuns: 100 },
    );
  });
});
