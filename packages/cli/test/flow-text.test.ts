import { expect, test } from 'vitest';
import { flowText } from '../src/flows/flow-text.ts';
import { PLAIN } from '../src/output/paint.ts';

test('a flow’s line ends with what staged policies would have done, and what without one that is staged for deletion', () => {
  const denied = {
    ...{ at: 0, verdict: 'deny', direction: 'ingress', protocol: 6, tier: 'default' },
    source: { ip: '10.0.1.7', port: 40_312 },
    destination: { ip: '10.0.0.4', port: 5432, pod: 'shop/db-1' },
    staged: [
      { policy: { kind: 'StagedNetworkPolicy', namespace: 'shop', name: 'next' }, would: 'Deny' },
      {
        policy: { kind: 'StagedKubernetesNetworkPolicy', namespace: 'shop', name: 'db' },
        would: 'Allow',
        deletes: { kind: 'NetworkPolicy', namespace: 'shop', name: 'db' },
      },
    ],
  };
  expect(flowText(denied, PLAIN)).toBe(
    '00:00:00.000 deny  ingress 10.0.1.7:40312 -> shop/db-1 (10.0.0.4:5432) TCP: no rule allows it' +
      '; would be denied by staged StagedNetworkPolicy shop/next' +
      '; would be allowed without NetworkPolicy shop/db, which staged StagedKubernetesNetworkPolicy shop/db would delete',
  );
});
