import { type AnyObject, type KubeClient, RESOURCES } from '@muslin/kube';
import { ok } from '@muslin/net';
import { describe, expect, it } from 'vitest';
import { tellAccepted } from '../src/accepted.ts';
import { JUDGED_KINDS, type JudgedKind } from '../src/findings.ts';

interface Told {
  readonly kind: string;
  readonly subresource: string;
  readonly conditions: readonly Readonly<Record<'type' | 'status' | 'reason' | 'message', string>>[];
}

/** What one look at the object writes. */
async function told(kind: JudgedKind, object: AnyObject): Promise<readonly Told[]> {
  const writes: Told[] = [];
  const client = {
    async patch(
      resource: { readonly kind: string },
      _: unknown,
      { body }: { readonly body: { readonly status: Pick<Told, 'conditions'> } },
      { subresource }: { readonly subresource: string },
    ) {
      writes.push({ kind: resource.kind, subresource, ...body.status });
      return ok({});
    },
  } as unknown as KubeClient;
  expect(await tellAccepted(client, kind, object)).toBeUndefined();
  return writes;
}

const named = (spec: object, status = {}) =>
  ({ metadata: { name: 'default', namespace: 'ns', resourceVersion: '1' }, spec, status }) as AnyObject;

const http = (action = 'Allow') => ({ ingress: [{ action, http: { methods: ['GET'] } }] });
const subject = { namespaces: {} };
const domains = { to: [{ domainNames: ['example.com'] }] };
const cluster = { tier: 'Admin', priority: 1, subject };

/** Of each kind: what nobody here can enforce, and where it stands. */
const REFUSED = {
  CalicoNetworkPolicy: [http(), 'spec.ingress[0].http '],
  GlobalNetworkPolicy: [http(), 'spec.ingress[0].http '],
  StagedNetworkPolicy: [http(), 'spec.ingress[0].http '],
  StagedGlobalNetworkPolicy: [http('Deny'), 'spec.ingress[0].http '],
  StagedKubernetesNetworkPolicy: [
    { podSelector: {}, ingress: [{ ports: [{ port: 80, endPort: 70 }] }] },
    'spec.ingress[0].ports[0]',
  ],
  ClusterNetworkPolicy: [
    { ...cluster, egress: [{ action: 'Accept', ...domains }] },
    'spec.egress[0].to[0] domainNames is not supported',
  ],
  AdminNetworkPolicy: [
    { priority: 1, subject, egress: [{ action: 'Deny', ...domains }] },
    'spec.egress[0].to[0] domainNames is not supported',
  ],
  BaselineAdminNetworkPolicy: [
    { subject, egress: [{ action: 'Allow', ...domains }] },
    'spec.egress[0].to[0] domainNames is not supported',
  ],
} as const satisfies Partial<Record<JudgedKind, readonly [object, string]>>;
const KINDS = Object.keys(REFUSED) as (keyof typeof REFUSED)[];

describe('the condition Accepted', () => {
  it.each(KINDS)('of a %s says what of it is not in force, and where', async kind => {
    const [spec, where] = REFUSED[kind];
    const [write, ...more] = await told(kind, named(spec));
    expect(more).toEqual([]);
    expect(write).toMatchObject({
      ...{ kind: RESOURCES[kind].kind, subresource: 'status' },
      conditions: [{ type: 'Accepted', status: 'False', reason: 'NotInForce' }],
    });
    expect(write?.conditions[0]?.message.slice(0, where.length)).toBe(where);
    const status = { conditions: [{ type: 'Other' }, ...(write?.conditions ?? [])] };
    expect(await told(kind, named(spec, status))).toEqual([]);
    const mended = { priority: 1, tier: 'Admin', subject };
    expect((await told(kind, named(mended, status)))[0]?.conditions).toMatchObject([
      { type: 'Other' },
      { type: 'Accepted', status: 'True', reason: 'Accepted' },
    ]);
    expect(await told(kind, named(mended))).toEqual([]);
  });

  it('is on every kind of policy but the one that has no status', async () => {
    const policies = JUDGED_KINDS.filter(kind => kind.endsWith('NetworkPolicy'));
    expect(policies.filter(kind => !Object.hasOwn(REFUSED, kind))).toEqual(['NetworkPolicy']);
    const wrong = named({ podSelector: {}, ingress: [{ ports: [{ port: 80, endPort: 70 }] }] });
    expect(await told('NetworkPolicy', wrong)).toEqual([]);
  });
});
