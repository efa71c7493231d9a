import { describe, expect, it } from 'vitest';
import { findNodeTroubles } from '../src/bgp/find-troubles.ts';

const NOW = new Date('2026-03-01T12:00:00Z');
const report = (
  name: string,
  routerID: string,
  lastUpdated: string,
  peers: Readonly<Record<string, string>>,
) => ({
  metadata: { name },
  status: {
    ...{ routerID, lastUpdated },
    peers: Object.entries(peers).map(([address, state]) => ({ address, state, type: 'NodeMesh' })),
  },
});
const codes = (...reports: Parameters<typeof findNodeTroubles>[0]) =>
  findNodeTroubles(reports, [], NOW).map(({ node, code }) => `${node} ${code}`);

describe('what reports of nodes contradict', () => {
  const alive = report('n1', '192.0.2.1', '2026-03-01T11:59:58Z', { '192.0.2.2': 'Active' });

  it('a node that tells of a session which is down at the other end has a speaker that is gone', () => {
    const dead = report('n2', '192.0.2.2', '2026-03-01T11:58:00Z', { '192.0.2.1': 'Established' });
    expect(codes(alive, dead)).toEqual(['n1 down', 'n2 speaker-gone']);
  });

  it('not where it may be about to tell, and not where it says the same', () => {
    const soon = report('n2', '192.0.2.2', '2026-03-01T11:59:30Z', { '192.0.2.1': 'Established' });
    expect(codes(alive, soon)).toEqual(['n1 down']);
    const same = report('n2', '192.0.2.2', '2026-03-01T11:58:00Z', { '192.0.2.1': 'Connect' });
    expect(codes(alive, same)).toEqual(['n1 down', 'n2 down']);
  });
});
