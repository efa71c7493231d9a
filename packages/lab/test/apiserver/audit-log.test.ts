import { describe, expect, it } from 'vitest';
import type { Attempt } from '../../src/apiserver/index.ts';
import { auditLog } from '../../src/apiserver/audit-log.ts';
import { startRig } from './rig.ts';

describe('audit log', () => {
  it('says once who asked for what, with the subresource apart and without names', async () => {
    const lines: string[] = [];
    const note = auditLog(line => lines.push(line));
    const authorize = (attempt: Attempt) => {
      note(attempt);
      return true;
    };
    const rig = await startRig({ authorize });
    try {
      for (const name of ['a', 'b', 'a']) await rig.call('GET', `/api/v1/nodes/${name}`);
      await rig.call('GET', '/api/v1/pods?limit=1');
      await rig.call('GET', '/api/v1/namespaces/kube-system/pods');
      await rig.call('PATCH', '/api/v1/nodes/a/status', '{}', {
        'content-type': 'application/merge-patch+json',
      });
    } finally {
      await rig.close();
    }
    const about = { user: 'tester', group: '', subresource: '', namespace: '' };
    expect(lines.map(line => JSON.parse(line))).toEqual([
      { ...about, verb: 'get', resource: 'nodes' },
      { ...about, verb: 'list', resource: 'pods' },
      { ...about, verb: 'list', resource: 'pods', namespace: 'kube-system' },
      { ...about, verb: 'patch', resource: 'nodes', subresource: 'status' },
    ]);
    expect(lines.every(line => line.endsWith('}\n'))).toBe(true);
  });
});
