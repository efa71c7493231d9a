import type { ObjectRef } from '@muslin/api';
import type { Decision } from '@muslin/policy';

/** `NetworkPolicy shop/db`, `GlobalNetworkPolicy deny-all`. */
export function formatRef({ kind, namespace, name }: ObjectRef): string {
  return `${kind} ${namespace === undefined || namespace === '' ? '' : `${namespace}/`}${name}`;
}

/** `shop/web-1` for `pod/shop/web-1`, `HostEndpoint eth0 of node1` for `host/node1/eth0`. */
export function endpointName(key: string): string {
  const [, node, name] = /^host\/([^/]*)\/(.*)$/.exec(key) ?? [];
  return node === undefined ? key.replace(/^pod\//, '') : `HostEndpoint ${name} of ${node}`;
}

/** Why one end allows or denies, as the end of a sentence. */
export function reasonText(decision: Decision): string {
  const { because, direction } = decision;
  const who = decision.endpoint === undefined ? 'it' : endpointName(decision.endpoint);
  switch (because.code) {
    case 'rule':
      return `${formatRef(because.source)} ${decision.answer === 'allow' ? 'allows' : 'denies'} it in ${because.path}`;
    case 'tier-default': {
      const names = isolating(decision).map(formatRef);
      const policies = listed(names.length > 3 ? [...names.slice(0, 3), `${names.length - 3} more`] : names);
      const tier = because.tier === 'default' ? '' : ` of tier ${because.tier}`;
      return `${policies}${tier} ${names.length === 1 ? 'isolates' : 'isolate'} ${who}, and no rule allows it`;
    }
    case 'past-last-tier':
      return 'every tier passes it on, and past the last one it is allowed';
    case 'no-policy':
      return `no policy isolates ${who} for ${direction}`;
    case 'not-selectable':
      if (decision.endpoint !== undefined)
        return `${who} is on its node's network, where pod policies do not apply`;
      return because.node === undefined
        ? 'it is outside the cluster, where policies do not apply'
        : `it is node ${because.node} itself, where pod policies do not apply`;
    case 'tunnel':
      return `pods may not send ${because.tunnel} packets, whatever policies say (FelixConfiguration ${because.field})`;
    case 'loopback':
      return 'a pod always reaches its own address';
    case 'failsafe':
      return `port ${because.port} is failsafe, so host policies can't close it`;
    case 'profile':
      return `profile ${because.profile} of ${who} allows what no policy decides`;
    case 'host-default':
      return `no policy decides at ${who}, and it has no profile that allows`;
    case 'untracked-reply':
      return `untracked policies at ${who} treat it and its answer differently, so one of the two is lost`;
    case 'same-node':
      return `node ${because.node} always reaches itself`;
    case 'own-node':
      return `node ${because.node} always reaches its own pods`;
    default:
      return because satisfies never;
  }
}

/** `a`, `a and b`, `a, b and c`. */
function listed(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}

/** The enforced policies of the tier that decided by default. */
export function isolating(decision: Decision): readonly ObjectRef[] {
  const tier = decision.tiers.at(-1);
  return (tier?.policies ?? []).filter(policy => !policy.staged).map(policy => policy.source);
}
