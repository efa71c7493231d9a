import { mustIp } from '@muslin/net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FactChange } from '@muslin/api';
import { diffConnectivity, Judge, reach, readHostPortEnd, withStagedInForce } from '../src/index.ts';
import { applyChange } from '../src/applied-change.ts';
import { block, cluster, namespace, node, peer, pod, policy, ports, service, TCP } from './cluster.ts';
import { changes, worlds } from './worlds.ts';

const world = [
  node('n1', '192.168.0.1'),
  namespace('shop'),
  pod('shop/db', { ips: ['10.0.0.1', 'fd00::1'], labels: { app: 'db' }, declared: [5432] }),
  pod('shop/web', { ips: ['10.0.0.2', 'fd00::2'], labels: { app: 'web' }, declared: [80] }),
  pod('shop/job', { ips: ['10.0.0.3'], labels: { app: 'job' } }),
];
const closed = policy('knp/shop/db', {
  selector: "app == 'db'",
  ingress: [{ protocol: TCP, source: peer("app == 'web'"), destination: ports(5432) }],
});
const externals = ['203.0.113.9', '10.0.0.2'].map(mustIp);
const extra = [
  { protocol: 6, port: 80 },
  { protocol: 17, port: 53 },
];

describe('reach', () => {
  it('lists for every declared port of every pod who reaches it', () => {
    const { rows } = reach(cluster(...world, closed));
    expect(rows.filter(row => row.family === 4)).toEqual([
      { to: 'pod/shop/db', protocol: 6, port: 5432, family: 4, from: ['pod/shop/web'] },
      { to: 'pod/shop/job', protocol: 6, port: 80, family: 4, from: ['pod/shop/db', 'pod/shop/web'] },
      { to: 'pod/shop/web', protocol: 6, port: 80, family: 4, from: ['pod/shop/db', 'pod/shop/job'] },
    ]);
    expect(rows.filter(row => row.family === 6).map(row => [row.to, ...row.from])).toEqual([
      ['pod/shop/db', 'pod/shop/web'],
      ['pod/shop/web', 'pod/shop/db'],
    ]);
  });

  it('equals the verdict on every single pair', () => {
    fc.assert(
      fc.property(worlds, facts => {
        const snapshot = cluster(...facts.filter(fact => fact.type !== 'service'));
        const judge = new Judge(snapshot);
        const { ends, rows } = reach(snapshot, { ports: extra, externals });
        const end = (name: string) => (name.startsWith('pod/') ? { endpoint: name } : { ip: mustIp(name) });
        for (const { to, protocol, port, family, from } of rows) {
          const wanted = ends.filter(name => {
            if (name === to) return false;
            const answer = judge.verdict({ from: end(name), to: end(to), protocol, port, family });
            return answer.ok && answer.value.answer === 'allow';
          });
          expect(from).toEqual(wanted);
        }
      }),
      { numRuns: 100 },
    );
  });
});

/** Every pod has a port of its node; some want the same. */
function withHostPorts(fact: FactChange, i: number): FactChange {
  if (fact.type !== 'endpoint' || fact.value === undefined || fact.value.hostNetwork) return fact;
  const port = i % 2 === 0 ? 80 : 5432;
  const hostPorts = [{ hostIp: undefined, protocol: 6, hostPort: 8000 + (i % 3), port }];
  return { ...fact, value: { ...fact.value, hostPorts } };
}

describe('reach to ports of nodes that lead to pods', () => {
  it('equals the verdict on the address of the node', () => {
    const seen = { yes: 0, no: 0 };
    fc.assert(
      fc.property(worlds, facts => {
        const snapshot = cluster(...facts.map(withHostPorts));
        const judge = new Judge(snapshot);
        const { ends, rows } = reach(snapshot, { externals });
        const end = (name: string) => (name.startsWith('pod/') ? { endpoint: name } : { ip: mustIp(name) });
        for (const { to, protocol, port, family, from } of rows) {
          const node = snapshot.nodes.get(readHostPortEnd(to)?.node ?? '');
          const ip = node?.ips.find(each => each.family === family);
          if (ip === undefined) continue;
          const wanted = ends.filter(name => {
            if (name === `pod/${readHostPortEnd(to)?.pod}`) return false;
            const answer = judge.verdict({ from: end(name), to: { ip }, protocol, port, family });
            return answer.ok && answer.value.answer === 'allow';
          });
          expect(from).toEqual(wanted);
          seen.yes += wanted.length;
          seen.no += ends.length - wanted.length;
        }
      }),
      { numRuns: 100 },
    );
    expect(Math.min(seen.yes, seen.no)).toBeGreaterThan(40);
  });

  it('keeps a port that a Service claims, too, and shows in a diff what a policy closes', () => {
    const api = pod('shop/api', { ips: ['10.0.0.9'], labels: { app: 'api' }, declared: [80] });
    const host = withHostPorts(api, 0);
    const shut = policy('knp/shop/api', { selector: "app == 'api'" });
    const open = cluster(...world, host);
    expect(reach(open).rows.at(-1)).toEqual({
      to: 'host-port/n1/shop/api',
      ...{ protocol: 6, port: 8000, family: 4 },
      from: ['pod/shop/db', 'pod/shop/job', 'pod/shop/web'],
    });
    const { lost } = diffConnectivity(open, cluster(...world, host, shut), {
      externals: [mustIp('192.0.2.1')],
    });
    expect(lost.filter(group => group.port === 8000)).toEqual([
      {
        from: ['192.0.2.1', 'pod/shop/db', 'pod/shop/job', 'pod/shop/web'],
        to: ['host-port/n1/shop/api'],
        ...{ protocol: 6, port: 8000, family: 4 },
      },
    ]);
    const front = service('shop/front', '10.96.0.1', []);
    const ports8000 = front.value.ports.map(port => ({ ...port, nodePort: 8000 }));
    const claimed = cluster(...world, host, { ...front, value: { ...front.value, ports: ports8000 } });
    expect(reach(claimed).rows.at(-1)).toEqual(reach(open).rows.at(-1));
    const dialled = { to: { ip: mustIp('192.168.0.1') }, protocol: TCP, port: 8000 };
    const said = new Judge(claimed).verdict({ from: { endpoint: 'pod/shop/web' }, ...dialled });
    expect(said.ok && said.value.notes.map(note => note.code)).toEqual(['host-port']);
  });
});

describe('withStagedInForce', () => {
  it('puts staged policies in the place of the enforced ones of their name, and takes away what they would delete', () => {
    const old = policy('np/shop/web', { selector: "app == 'web'", ingress: [] });
    const ingress = [{ protocol: TCP, source: peer("app == 'db'") }];
    const staged = policy('snp/shop/web', { selector: "app == 'web'", ingress, staged: true });
    const gone = policy('sknp/shop/db', { selector: "app == 'none'", staged: true });
    const deletion = { ...gone, value: { ...gone.value, removes: 'knp/shop/db' } } as FactChange;
    const now = cluster(...world, closed, old, staged, deletion);
    const then = cluster(...world, policy('np/shop/web', { selector: "app == 'web'", ingress }));
    expect(reach(withStagedInForce(now))).toEqual(reach(then));
    expect(reach(withStagedInForce(now))).not.toEqual(reach(now));
    const plain = cluster(...world, closed);
    expect(withStagedInForce(plain)).toBe(plain);
  });
});

describe('diffConnectivity', () => {
  it('finds nothing between equal snapshots', () => {
    fc.assert(
      fc.property(worlds, facts => {
        const [a, b] = [cluster(...facts), cluster(...facts)];
        expect(diffConnectivity(a, b, { ports: extra, externals })).toEqual({ gained: [], lost: [] });
      }),
      { numRuns: 50 },
    );
  });

  it('is turned round when the snapshots are', () => {
    let told = 0;
    fc.assert(
      fc.property(worlds, fc.array(changes, { minLength: 1, maxLength: 4 }), (facts, list) => {
        const before = cluster(...facts);
        const after = list.reduce(applyChange, before);
        const there = diffConnectivity(before, after, { externals });
        const back = diffConnectivity(after, before, { externals });
        expect({ gained: back.lost, lost: back.gained }).toEqual(there);
        told += there.gained.length + there.lost.length;
      }),
      { numRuns: 100 },
    );
    expect(told).toBeGreaterThan(50);
  });

  it('groups the connections that a new rule opens, also on ports that nobody declares', () => {
    const before = cluster(...world, closed);
    const rule = { protocol: TCP, source: block('10.0.0.0/24'), destination: ports(22, 5432) };
    const opened = policy('knp/shop/db', { selector: "app == 'db'", ingress: [rule] });
    const after = applyChange(before, opened);
    expect(diffConnectivity(before, after)).toEqual({
      gained: [
        { from: ['pod/shop/job', 'pod/shop/web'], to: ['pod/shop/db'], protocol: 6, port: 22, family: 4 },
        { from: ['pod/shop/job'], to: ['pod/shop/db'], protocol: 6, port: 5432, family: 4 },
      ],
      lost: [{ from: ['pod/shop/web'], to: ['pod/shop/db'], protocol: 6, port: 5432, family: 6 }],
    });
  });
});
