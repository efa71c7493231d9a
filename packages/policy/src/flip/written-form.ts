import type { Direction, Policy } from '@muslin/api';

/** How people write a policy: what of an edit can be said, and where it stands, depends on it. */
type Language = 'kubernetes' | 'calico' | 'cluster';

const LANGUAGES: ReadonlyMap<string, Language> = new Map([
  ['knp', 'kubernetes'],
  ['np', 'calico'],
  ['gnp', 'calico'],
]);

export function languageOf({ key }: Policy): Language {
  return LANGUAGES.get(key.slice(0, key.indexOf('/'))) ?? 'cluster';
}

/** The rule that a peer belongs to: `spec.ingress[0]` of `spec.ingress[0].from[1]`. */
export function ruleOf(path: string): string {
  return path.replace(/\.(from|to)\[\d+\]$/, '');
}

/** Where the ports of a rule are written. */
export function portsPlace(policy: Policy, path: string): string {
  if (languageOf(policy) === 'calico') return `${path}.destination.ports`;
  return `${ruleOf(path)}.${policy.source.kind === 'ClusterNetworkPolicy' ? 'protocols' : 'ports'}`;
}

/** Where the peers of a rule are written; undefined where a rule has one peer, as Calico's have. */
export function peersPlace(policy: Policy, path: string, direction: Direction): string | undefined {
  if (languageOf(policy) === 'calico') return undefined;
  return `${ruleOf(path)}.${direction === 'ingress' ? 'from' : 'to'}`;
}

/**
 * Where something is written that can go without changing what stays: a rule, or one peer of several. The last peer takes
 * its rule along, as an empty list means any peer (NetworkPolicy v1 `from`).
 */
export function removablePlace(policy: Policy, path: string, direction: Direction): string {
  const rule = ruleOf(path);
  const peers = new Set(policy[direction].map(each => each.path).filter(each => ruleOf(each) === rule));
  return peers.size > 1 ? path : rule;
}

/** What must be written when no rule is left, as types that are absent follow from the rules there are. */
export function keptType(policy: Policy, direction: Direction): string {
  const type = direction === 'ingress' ? 'Ingress' : 'Egress';
  const language = languageOf(policy);
  if (language === 'calico') return `, with ${type} in its types`;
  return language === 'kubernetes' && direction === 'egress' ? `, with ${type} in its policyTypes` : '';
}
