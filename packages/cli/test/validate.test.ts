import { describe, expect, it } from 'vitest';
import { folder } from './folder.ts';
import { muslinctl } from './test-context.ts';

const BAD = `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Ingress]
  ingress:
    - ports:
        - port: 80
        - port: 70000
  egress:
    - {}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
`;

describe('muslinctl validate', () => {
  it('names file, line, object and path of each finding, and counts them', async () => {
    using files = folder({ 'db.yaml': BAD });
    const ran = await muslinctl(['validate', '-f', files.path]);
    const lines = ran.stdout.replaceAll(`${files.path}/`, '').trimEnd().split('\n');
    expect(lines).toHaveLength(3);
    expect(lines).toContainEqual(
      expect.stringMatching(
        /^db\.yaml:10: error: NetworkPolicy shop\/db: spec\.ingress\[0\]\.ports\[1\]\.port .*65535/,
      ),
    );
    expect(lines).toContainEqual(
      'db.yaml:11: warning: NetworkPolicy shop/db: spec.egress is ignored, because policyTypes does not name it',
    );
    expect(lines[2]).toBe('1 object checked, 1 of other kinds not looked at: 1 error, 1 warning');
    expect(ran.code).toBe(1);
  });

  it('ends with 0 when nothing is wrong, and reads standard input', async () => {
    const ran = await muslinctl(['validate', '-f', '-'], {
      stdin: 'apiVersion: projectcalico.org/v3\nkind: Tier\nmetadata: {name: security}\nspec: {order: 5}\n',
    });
    expect(ran).toEqual({ code: 0, stdout: '1 object checked: 0 errors, 0 warnings\n', stderr: '' });
  });

  it('gives findings as data', async () => {
    using files = folder({ 'db.yaml': BAD });
    const { findings } = JSON.parse((await muslinctl(['validate', '-f', files.path, '-o', 'json'])).stdout);
    expect(findings).toContainEqual(
      expect.objectContaining({
        line: 10,
        kind: 'NetworkPolicy',
        namespace: 'shop',
        name: 'db',
        severity: 'error',
      }),
    );
  });

  it('ends with 2 for a file that is no YAML, and for one without objects', async () => {
    using files = folder({ 'a.yaml': 'apiVersion: [' });
    const ran = await muslinctl(['validate', '-f', files.path]);
    expect(ran.code).toBe(2);
    expect(ran.stderr).toMatch(/a\.yaml:1: not YAML: /);
    expect((await muslinctl(['validate', '-f', '-'], { stdin: 'replicas: 3' })).code).toBe(2);
    using data = folder({ 'a.yaml': 'a: [' });
    const named = await muslinctl(['validate', '-f', `${data.path}/a.yaml`]);
    expect(named.stderr).toMatch(/a\.yaml:1: not YAML: /);
  });

  it('shows text of a hostile file without letting it at the terminal', async () => {
    const stdin = `apiVersion: v1\nkind: Namespace\nmetadata: {name: "a/\\e[31m\\r"}\n`;
    const ran = await muslinctl(['validate', '-f', '-'], { stdin });
    expect(ran.stdout).not.toMatch(/[\u001b\r]/);
  });
});
