import { type Endpoint, effectiveLabels, effectiveNetworkSetLabels } from '@muslin/api';
import { expect, test } from 'vitest';

const pod: Endpoint = {
  key: 'pod/shop/web',
  source: { kind: 'Pod', namespace: 'shop', name: 'web' },
  namespace: 'shop',
  name: 'web',
  uid: '1',
  node: 'n1',
  labels: new Map([
    ['app', 'web'],
    ['projectcalico.org/namespace', 'admin'],
    ['projectcalico.org/serviceaccount', 'root'],
    ['projectcalico.org/orchestrator', 'none'],
    ['pcns.team', 'admins'],
    ['pcsa.role', 'root'],
  ]),
  serviceAccount: 'clerk',
  ips: [],
  ports: [],
  hostNetwork: false,
  declaredPorts: [],
};
const namespace = { name: 'shop', labels: new Map([['team', 'sales']]) };
const account = { namespace: 'shop', name: 'clerk', labels: new Map([['role', 'cashier']]) };

test('a pod has its own labels, where it runs and as whom, and what those two hand down', () => {
  expect(Object.fromEntries(effectiveLabels(pod, namespace, account))).toEqual({
    app: 'web',
    'projectcalico.org/namespace': 'shop',
    'projectcalico.org/serviceaccount': 'clerk',
    'projectcalico.org/orchestrator': 'k8s',
    'pcns.team': 'sales',
    'pcns.projectcalico.org/name': 'shop',
    'pcsa.role': 'cashier',
    'pcsa.projectcalico.org/name': 'clerk',
  });
});

test('a pod cannot pretend to inherit labels, even when its namespace is not known', () => {
  expect(Object.fromEntries(effectiveLabels(pod, undefined, undefined))).toEqual({
    app: 'web',
    'projectcalico.org/namespace': 'shop',
    'projectcalico.org/serviceaccount': 'clerk',
    'projectcalico.org/orchestrator': 'k8s',
  });
});

test('a network set inherits from its namespace; a global one from nothing', () => {
  const set = {
    key: 'shop/bank',
    source: { kind: 'NetworkSet', namespace: 'shop', name: 'bank' },
    namespace: 'shop',
    labels: new Map([
      ['kind', 'bank'],
      ['pcns.team', 'admins'],
    ]),
    nets: [],
  };
  expect(Object.fromEntries(effectiveNetworkSetLabels(set, namespace))).toEqual({
    kind: 'bank',
    'projectcalico.org/namespace': 'shop',
    'pcns.team': 'sales',
    'pcns.projectcalico.org/name': 'shop',
  });
  expect(Object.fromEntries(effectiveNetworkSetLabels({ ...set, namespace: undefined }, namespace))).toEqual({
    kind: 'bank',
  });
});
