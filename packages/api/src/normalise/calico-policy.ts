import type { Direction, Policy } from '../model/policy.ts';
import { ALL } from '../model/selector.ts';
import { andSelectors } from '../selector/selector-algebra.ts';
import { readCalicoRule } from './calico-rule.ts';
import { finish, type Read } from './fact.ts';
import type { Field } from './field.ts';
import { readHeader } from './header.ts';
import { readStagedAction, stagedDeletion } from './kubernetes-policy.ts';
import { inNamespace, inNamespaces, readSelector, underServiceAccounts } from './selector-field.ts';

/** How the four tiered kinds of projectcalico.org/v3 differ. */
export interface CalicoPolicyKind {
  readonly prefix: string;
  readonly scope: 'Cluster' | 'Namespaced';
  readonly staged: boolean;
}

/**
 * A NetworkPolicy or GlobalNetworkPolicy (projectcalico.org/v3), staged or not. Tier and types, which Calico fills in at
 * admission, are filled in here when absent.
 */
export function readCalicoPolicy(object: unknown, kind: CalicoPolicyKind): Read<Policy> {
  const header = readHeader(object, kind.scope);
  const { report, spec, source, name } = header;
  const namespace = kind.scope === 'Cluster' ? undefined : header.namespace;
  if (kind.staged) {
    const action = readStagedAction(spec);
    const tier = spec.at('tier').text() || 'default';
    if (action === 'Ignore') return finish<Policy>(report, undefined);
    if (action === 'Delete') return finish(report, stagedDeletion(header, kind.prefix, kind.scope, tier));
  }
  const rulesOf = (direction: Direction) =>
    spec
      .at(direction)
      .items()
      .flatMap(rule => readCalicoRule(rule, direction, namespace));
  const policy: Policy = {
    key: namespace === undefined ? `${kind.prefix}/${name}` : `${kind.prefix}/${namespace}/${name}`,
    source,
    tier: spec.at('tier').text() || 'default',
    order: spec.at('order').number() ?? Number.POSITIVE_INFINITY,
    selector: readSubject(spec, namespace),
    directions: readTypes(spec),
    ingress: rulesOf('ingress'),
    egress: rulesOf('egress'),
    staged: kind.staged,
  };
  const hosts = namespace === undefined ? readHosts(spec) : undefined;
  return finish(report, hosts === undefined ? policy : { ...policy, hosts });
}

function readSubject(spec: Field, namespace: string | undefined) {
  const accounts = readSelector(spec.at('serviceAccountSelector'));
  const namespaces = namespace === undefined ? readSelector(spec.at('namespaceSelector')) : undefined;
  return andSelectors(
    namespace === undefined ? ALL : inNamespace(namespace),
    readSelector(spec.at('selector')) ?? ALL,
    namespaces === undefined ? ALL : inNamespaces(namespaces),
    accounts === undefined ? ALL : underServiceAccounts(accounts),
  );
}

/** types; when absent or empty: what has rules, and Ingress when nothing has. */
function readTypes(spec: Field): ReadonlySet<Direction> {
  const written = spec
    .at('types')
    .items()
    .flatMap(item => item.oneOf(['Ingress', 'Egress']) ?? [])
    .map(type => (type === 'Ingress' ? ('ingress' as const) : ('egress' as const)));
  const [ingress, egress] = [spec.at('ingress'), spec.at('egress')];
  const ruled = { ingress: ingress.items().length > 0, egress: egress.items().length > 0 };
  if (written.length === 0) {
    return new Set<Direction>(
      ruled.egress ? (ruled.ingress ? ['ingress', 'egress'] : ['egress']) : ['ingress'],
    );
  }
  for (const field of [ingress, egress]) {
    const direction = field.path.endsWith('ingress') ? 'ingress' : 'egress';
    if (ruled[direction] && !written.includes(direction))
      field.warn('is ignored, because types does not name it');
  }
  return new Set(written);
}

/** When a global policy is asked about host endpoints (projectcalico.org/v3 GlobalNetworkPolicy). */
function readHosts(spec: Field): Policy['hosts'] {
  const [untracked, preDnat] = [spec.at('doNotTrack'), spec.at('preDNAT')];
  const forwarded = spec.at('applyOnForward').flag() ?? false;
  if (untracked.flag() && preDnat.flag()) preDnat.invalid('may not be set together with doNotTrack');
  const early = [untracked, preDnat].find(field => field.flag());
  if (early !== undefined && !forwarded) early.invalid('needs applyOnForward: true');
  if (preDnat.flag()) {
    if (spec.at('egress').items().length > 0)
      spec.at('egress').invalid('may not have rules in a preDNAT policy');
    if (readTypes(spec).has('egress')) spec.at('types').invalid('may not have Egress in a preDNAT policy');
    return 'pre-dnat';
  }
  return untracked.flag() ? 'untracked' : forwarded ? 'forwarded' : undefined;
}
