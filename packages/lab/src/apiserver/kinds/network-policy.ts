import { isIPv4, isIPv6 } from 'node:net';
import { formatIp, maskIp, type Prefix, parseIp, parsePrefix, prefixCovers, sameIp } from '@muslin/net';
import { fieldForbidden, fieldInvalid, fieldRequired, fieldUnsupported } from '../field-error.ts';
import { at, isObject, type Json, type JsonObject, listAt, objectAt, textAt } from '../json.ts';
import type { KubeObject } from '../kube-object.ts';
import { listOf, shape, withDefault } from '../schema/shape.ts';
import type { Cause } from '../status.ts';
import { labelSelector, objectSchema } from './common-schema.ts';
import { AGE_COLUMN, builtIn, NAME_COLUMN } from './kind.ts';
import { checkLabelSelector, labelSelectorText } from './label-selector-check.ts';

const peer = shape({
  podSelector: labelSelector,
  namespaceSelector: labelSelector,
  ipBlock: shape({ 'cidr!': 'string', except: 'string[]' }),
});
const port = shape({
  protocol: withDefault({ type: 'string' }, 'TCP'),
  port: 'intOrString',
  endPort: 'int32',
});

/** NetworkPolicy networking.k8s.io/v1. */
export const networkPolicy = builtIn({
  group: 'networking.k8s.io',
  kind: 'NetworkPolicy',
  plural: 'networkpolicies',
  shortNames: ['netpol'],
  hasGeneration: true,
  schema: objectSchema('NetworkPolicy describes what network traffic is allowed for a set of Pods', {
    spec: shape({
      podSelector: labelSelector,
      ingress: listOf(shape({ from: listOf(peer), ports: listOf(port) })),
      egress: listOf(shape({ to: listOf(peer), ports: listOf(port) })),
      policyTypes: 'string[]',
    }),
  }),
  columns: [
    NAME_COLUMN,
    {
      name: 'Pod-Selector',
      type: 'string',
      read: object => labelSelectorText(at(object, 'spec', 'podSelector')),
    },
    AGE_COLUMN,
  ],
  strategy: {
    // NetworkPolicySpec.podSelector has no omitempty; policyTypes follows the rules that are there.
    complete(object) {
      const spec = objectAt(object, 'spec');
      const types = listAt(spec, 'policyTypes');
      const implied = listAt(spec, 'egress').length > 0 ? ['Ingress', 'Egress'] : ['Ingress'];
      return {
        ...object,
        spec: {
          ...spec,
          podSelector: spec['podSelector'] ?? {},
          policyTypes: types.length > 0 ? types : implied,
        },
      };
    },
    validate,
  },
});

function validate(object: KubeObject): readonly Cause[] {
  const spec = objectAt(object, 'spec');
  const types = listAt(spec, 'policyTypes');
  return [
    ...checkLabelSelector(spec['podSelector'], 'spec.podSelector'),
    ...listAt(spec, 'ingress').flatMap((rule, i) => checkRule(rule, `spec.ingress[${i}]`, 'from')),
    ...listAt(spec, 'egress').flatMap((rule, i) => checkRule(rule, `spec.egress[${i}]`, 'to')),
    ...(types.length > 2
      ? [fieldInvalid('spec.policyTypes', types, 'may not specify more than two policyTypes')]
      : types.flatMap((type, i) =>
          type === 'Ingress' || type === 'Egress'
            ? []
            : [fieldUnsupported(`spec.policyTypes[${i}]`, type, ['Ingress', 'Egress'])],
        )),
  ];
}

function checkRule(rule: Json, path: string, peers: 'from' | 'to'): readonly Cause[] {
  return [
    ...listAt(rule, 'ports').flatMap((item, i) => checkPort(item, `${path}.ports[${i}]`)),
    ...listAt(rule, peers).flatMap((item, i) => checkPeer(item, `${path}.${peers}[${i}]`)),
  ];
}

const RANGE = 'must be between 1 and 65535, inclusive';

function checkPort(item: Json, path: string): readonly Cause[] {
  const causes: Cause[] = [];
  const [protocol, number, end] = [at(item, 'protocol'), at(item, 'port'), at(item, 'endPort')];
  if (protocol !== undefined && protocol !== 'TCP' && protocol !== 'UDP' && protocol !== 'SCTP') {
    causes.push(fieldUnsupported(`${path}.protocol`, protocol, ['TCP', 'UDP', 'SCTP']));
  }
  if (typeof number === 'number' && (number < 1 || number > 65535)) {
    causes.push(fieldInvalid(`${path}.port`, number, RANGE));
  }
  if (typeof number === 'string') {
    for (const fault of portNameFaults(number)) causes.push(fieldInvalid(`${path}.port`, number, fault));
  }
  if (typeof end === 'number') {
    if (number === undefined) {
      causes.push(fieldInvalid(`${path}.endPort`, end, 'may not be specified when `port` is not specified'));
    } else if (typeof number === 'string') {
      causes.push(fieldInvalid(`${path}.endPort`, end, 'may not be specified when `port` is non-numeric'));
    } else if (end < 1 || end > 65535) causes.push(fieldInvalid(`${path}.endPort`, end, RANGE));
    else if (typeof number === 'number' && end < number) {
      causes.push(fieldInvalid(`${path}.endPort`, number, 'must be greater than or equal to `port`'));
    }
  }
  return causes;
}

/** IANA_SVC_NAME as apimachinery checks it (RFC 6335 §5.1). */
function portNameFaults(name: string): readonly string[] {
  if (name.length > 15) return ['must be no more than 15 characters'];
  const faults: string[] = [];
  if (!/^[-a-z0-9]+$/.test(name)) {
    faults.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)');
  }
  if (!/[a-z]/.test(name)) faults.push('must contain at least one letter (a-z)');
  if (name.includes('--')) faults.push('must not contain consecutive hyphens');
  if (/^-|-$/.test(name)) faults.push('must not begin or end with a hyphen');
  return faults;
}

function checkPeer(item: Json, path: string): readonly Cause[] {
  const block = at(item, 'ipBlock');
  const selectors = ['podSelector', 'namespaceSelector'].filter(name => isObject(at(item, name)));
  if (block === undefined && selectors.length === 0) return [fieldRequired(path, 'must specify a peer')];
  if (block !== undefined && selectors.length > 0) {
    return [fieldForbidden(path, 'may not specify both ipBlock and another peer')];
  }
  if (isObject(block)) return checkIpBlock(block, `${path}.ipBlock`);
  return selectors.flatMap(name => checkLabelSelector(at(item, name), `${path}.${name}`));
}

function checkIpBlock(block: JsonObject, path: string): readonly Cause[] {
  const cidr = textAt(block, 'cidr');
  if (cidr === '') return [fieldRequired(`${path}.cidr`)];
  const outer = readCidr(cidr);
  if (typeof outer === 'string') return [fieldInvalid(`${path}.cidr`, cidr, outer)];
  return listAt(block, 'except').flatMap((item, i) => {
    const field = `${path}.except[${i}]`;
    const inner = readCidr(String(item));
    if (typeof inner === 'string') return [fieldInvalid(field, item, inner)];
    const strict = inner.length > outer.length && prefixCovers(outer, inner);
    return strict ? [] : [fieldInvalid(field, item, 'must be a strict subset of `cidr`')];
  });
}

/** A CIDR by the strict rules for new objects, or why it is none. */
function readCidr(text: string): Prefix | string {
  const slash = text.indexOf('/');
  const address = slash < 0 ? text : text.slice(0, slash);
  const bits = text.slice(slash + 1);
  const plain = address.replace(/(^|\.)0+(?=\d)/g, '$1');
  const family = isIPv4(plain) ? 32 : isIPv6(address) ? 128 : 0;
  if (slash < 0 || family === 0 || !/^\d{1,3}$/.test(bits) || Number(bits) > family) {
    return 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)';
  }
  if ((family === 32 && plain !== address) || /^0\d/.test(bits)) {
    return 'must not have leading 0s in IP or prefix length';
  }
  const ip = parseIp(address);
  const prefix = parsePrefix(text);
  if (!ip.ok || !prefix.ok) return 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)';
  if (/^::ffff:[\d.]+$/i.test(formatIp(ip.value))) return 'must not have an IPv4-mapped IPv6 address';
  if (!sameIp(maskIp(ip.value, prefix.value.length), ip.value)) {
    return 'must not have bits set beyond the prefix length';
  }
  return prefix.value;
}
