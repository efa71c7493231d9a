import type { Any, Question, Scene } from '../question.ts';
import { DEFINITIONS, definitionOf, headOf, pathOf } from './definitions.ts';

const MERGE = { 'content-type': 'application/merge-patch+json' };
const APPLY = { 'content-type': 'application/apply-patch+yaml' };

/** What people change in objects that are there: what may not change, what an apply takes over, what tables show. */
export function calicoUpdatesScene(): Scene {
  const make = (kind: string, name: string, spec: Any): Question => ({
    say: `${kind} is made`,
    method: 'POST',
    path: pathOf(definitionOf(kind)),
    body: { ...headOf(definitionOf(kind), name), spec },
    managed: true,
  });
  const patch = (say: string, kind: string, name: string, spec: Any): Question => ({
    say: `${kind}: ${say}`,
    method: 'PATCH',
    path: `${pathOf(definitionOf(kind))}/${name}`,
    body: { spec },
    headers: MERGE,
    brief: true,
  });
  const apply = (say: string, kind: string, name: string, spec: Any, query: string): Question => ({
    say: `${kind}: ${say}`,
    method: 'PATCH',
    path: `${pathOf(definitionOf(kind))}/${name}?${query}`,
    body: { ...headOf(definitionOf(kind), name), spec },
    headers: APPLY,
    managed: true,
  });
  const remove = (kind: string, name: string): Question => ({
    say: `${kind} goes`,
    method: 'DELETE',
    path: `${pathOf(definitionOf(kind))}/${name}`,
  });
  const allow = {
    action: 'Allow',
    protocol: 'TCP',
    source: { selector: "role == 'web'" },
    destination: { ports: [80, '443:445'] },
  };
  return {
    name: 'calico-updates',
    questions: [
      make('IPPool', 'pool', { cidr: '10.1.0.0/16' }),
      patch('the cidr', 'IPPool', 'pool', { cidr: '10.2.0.0/16' }),
      patch('the block size', 'IPPool', 'pool', { blockSize: 24 }),
      patch('the block size that it has by default', 'IPPool', 'pool', { blockSize: 26 }),
      patch('disabled', 'IPPool', 'pool', { disabled: true }),
      patch('null takes back', 'IPPool', 'pool', { disabled: null, vxlanMode: null }),
      patch('both encapsulations', 'IPPool', 'pool', { ipipMode: 'Always', vxlanMode: 'Always' }),
      apply(
        'another manager wants another mode',
        'IPPool',
        'pool',
        { cidr: '10.1.0.0/16', vxlanMode: 'Always' },
        'fieldManager=helm',
      ),
      apply(
        'by force',
        'IPPool',
        'pool',
        { cidr: '10.1.0.0/16', vxlanMode: 'Always' },
        'fieldManager=helm&force=true',
      ),
      apply(
        'a field that is none',
        'IPPool',
        'pool',
        { cidr: '10.1.0.0/16', natoutgoing: true },
        'fieldManager=helm&force=true',
      ),
      remove('IPPool', 'pool'),
      make('Tier', 'security', { order: 100 }),
      patch('another order', 'Tier', 'security', { order: 50.5 }),
      patch('no order', 'Tier', 'security', { order: null }),
      remove('Tier', 'security'),
      make('NetworkPolicy', 'web', { tier: 'security', order: 10, selector: 'all()', ingress: [allow] }),
      patch('rules are replaced', 'NetworkPolicy', 'web', { ingress: [{ action: 'Deny' }] }),
      patch('a wrong rule', 'NetworkPolicy', 'web', { ingress: [{ action: 'Deny' }, { action: 'deny' }] }),
      patch('the tier', 'NetworkPolicy', 'web', { tier: 'default' }),
      {
        say: 'NetworkPolicy by tier',
        path: `${pathOf(definitionOf('NetworkPolicy'))}?fieldSelector=spec.tier%3Ddefault`,
      },
      remove('NetworkPolicy', 'web'),
      make('FelixConfiguration', 'default', {
        logSeverityScreen: 'Info',
        failsafeInboundHostPorts: [{ protocol: 'TCP', port: 22 }],
      }),
      apply(
        'another manager',
        'FelixConfiguration',
        'default',
        { bpfEnabled: false, failsafeInboundHostPorts: [{ protocol: 'UDP', port: 68 }] },
        'fieldManager=helm',
      ),
      apply(
        'another manager, another field',
        'FelixConfiguration',
        'default',
        { bpfEnabled: false },
        'fieldManager=helm',
      ),
      remove('FelixConfiguration', 'default'),
      make('KubeControllersConfiguration', 'default', {
        controllers: { node: { hostEndpoint: { autoCreate: 'Enabled' } } },
      }),
      patch('a status through the front door', 'KubeControllersConfiguration', 'default', {
        controllers: { policy: {} },
      }),
      {
        say: 'KubeControllersConfiguration: its status',
        method: 'PATCH',
        path: `${pathOf(definitionOf('KubeControllersConfiguration'))}/default/status`,
        body: { status: { environmentVars: { A: 'b' } } },
        headers: MERGE,
      },
      remove('KubeControllersConfiguration', 'default'),
      ...DEFINITIONS.flatMap(tables),
    ],
  };
}

/** Every kind's columns, over no objects. */
function tables(definition: Any): readonly Question[] {
  return [
    {
      say: `columns of ${definition.spec.names.kind}`,
      path: pathOf(definition),
      headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' },
    },
  ];
}
