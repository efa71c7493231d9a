import type { AnyObject, Note } from '@muslin/kube';
import { describe, expect, it } from 'vitest';
import { Findings } from '../src/findings.ts';

const felix = (spec: object) => ({ metadata: { name: 'default', uid: 'u' }, spec }) as unknown as AnyObject;

describe('what is told of a FelixConfiguration', () => {
  it('that routes to single pods do not go with fan-out, once, and again when it comes back', () => {
    const told: Note[] = [];
    const findings = new Findings(note => told.push(note), true);
    const look = (spec: object) => findings.look('FelixConfiguration', 'default', felix(spec));
    look({ routeSource: 'WorkloadIPs' });
    look({ routeSource: 'WorkloadIPs' });
    expect(told).toMatchObject([{ type: 'Warning', reason: 'PartlyInForce', about: { name: 'default' } }]);
    expect(told[0]?.message).toMatch(
      /^spec\.routeSource WorkloadIPs does not go with fan-out: .*fanout\.enabled/,
    );
    look({ routeSource: 'CalicoIPAM' });
    expect(told).toHaveLength(1);
    look({ routeSource: 'workloadips' });
    expect(told).toHaveLength(2);
  });

  it('nothing of that where agents ask the API server themselves', () => {
    const told: Note[] = [];
    new Findings(note => told.push(note), false).look(
      'FelixConfiguration',
      'default',
      felix({ routeSource: 'WorkloadIPs' }),
    );
    expect(told).toEqual([]);
  });
});
