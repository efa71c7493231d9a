import { NOT_BESIDE_SERVICES } from '../kinds/beside-services.ts';
import type { Prefix } from '@muslin/net';
import type { PeerMatch } from '../model/policy.ts';
import { RESERVED_LABELS, type Selector } from '../model/selector.ts';
import { andSelectors } from '../selector/selector-algebra.ts';
import { readPrefixes } from './address-field.ts';
import { readCalicoPorts } from './calico-ports.ts';
import { withoutUndefined } from './fact.ts';
import type { Field } from './field.ts';
import { inNamespace, inNamespaces, readSelector, underServiceAccounts } from './selector-field.ts';

/**
 * One side of a Calico rule (projectcalico.org/v3 EntityRule). In a namespaced policy a side with selector, notSelector
 * or serviceAccounts but without namespaceSelector means the policy's own namespace.
 *
 * @param namespace of the policy; undefined for a global one.
 */
export function readEntity(entity: Field, namespace: string | undefined): PeerMatch {
  const notNets = readPrefixes(entity.at('notNets').items(), { bareHost: true });
  if (notNets?.some(net => net.length === 0))
    entity.at('notNets').invalid('may not hold 0.0.0.0/0 or ::/0: nothing would match');
  return withoutUndefined<PeerMatch>({
    nets: readPrefixes(entity.at('nets').items(), { bareHost: true }),
    notNets,
    selector: readWho(entity, namespace),
    notSelector: readSelector(entity.at('notSelector')),
    ports: readCalicoPorts(entity.at('ports')),
    notPorts: readCalicoPorts(entity.at('notPorts')),
    service: readService(entity, namespace),
  });
}

/** All prefixes that a side names. */
export function netsOf(entity: PeerMatch): readonly Prefix[] {
  return [...(entity.nets ?? []), ...(entity.notNets ?? [])];
}

function readWho(entity: Field, namespace: string | undefined): Selector | undefined {
  const selector = readSelector(entity.at('selector'));
  const namespaces = readSelector(entity.at('namespaceSelector'), true);
  const accounts = readServiceAccounts(entity.at('serviceAccounts'));
  const about = selector ?? accounts ?? readSelector(entity.at('notSelector'));
  const where =
    namespaces !== undefined
      ? inNamespaces(namespaces)
      : namespace !== undefined && about !== undefined
        ? inNamespace(namespace)
        : undefined;
  const parts = [where, selector, accounts].filter(part => part !== undefined);
  return parts.length === 0 ? undefined : andSelectors(...parts);
}

function readServiceAccounts(accounts: Field): Selector | undefined {
  const names = accounts
    .at('names')
    .items()
    .flatMap(item => item.text() ?? []);
  const selector = readSelector(accounts.at('selector'));
  const parts: Selector[] = [];
  if (names.length > 0) parts.push({ op: 'in', key: RESERVED_LABELS.serviceAccount, values: names });
  if (selector !== undefined) parts.push(underServiceAccounts(selector));
  return parts.length === 0 ? undefined : andSelectors(...parts);
}

/** All that can be said of one side. */
export const ENTITY_FIELDS: readonly string[] = [...NOT_BESIDE_SERVICES, 'services'];

function readService(entity: Field, namespace: string | undefined): string | undefined {
  const services = entity.at('services');
  const name = services.at('name').text();
  if (!services.present) return undefined;
  if (!name) return services.at('name').invalid('must name the Service');
  for (const part of NOT_BESIDE_SERVICES) {
    if (entity.at(part).present) entity.at(part).invalid('may not stand beside services');
  }
  const home = services.at('namespace').text() || namespace;
  if (home === undefined) return services.at('namespace').invalid('must be given in a global policy');
  return `${home}/${name}`;
}
