import { type Family, familyOf } from '@muslin/net';
import type { BgpFilterFacts, BgpFilterRule, BgpOperation } from '../model/bgp.ts';
import { readPrefix } from './address-field.ts';
import { readAs, readCommunity } from './bgp-field.ts';
import { finish, type Read, withoutUndefined } from './fact.ts';
import type { Field } from './field.ts';
import { readHeader } from './header.ts';

/** A BGPFilter (projectcalico.org/v3). */
export function readBgpFilter(object: unknown): Read<BgpFilterFacts> {
  const { report, spec, name } = readHeader(object, 'Cluster');
  const rules = (part: string, family: Family) =>
    spec
      .at(part)
      .items()
      .flatMap(rule => readRule(rule, family) ?? []);
  return finish(report, {
    name,
    exportV4: rules('exportV4', 4),
    importV4: rules('importV4', 4),
    exportV6: rules('exportV6', 6),
    importV6: rules('importV6', 6),
  });
}

const MOST_PRIORITY = 2_147_483_646;

function readRule(rule: Field, family: Family): BgpFilterRule | undefined {
  const action = rule.at('action').oneOf(['Accept', 'Reject']);
  if (action === undefined)
    return rule.at('action').present ? undefined : rule.at('action').invalid('must be Accept or Reject');
  const operations = rule
    .at('operations')
    .items()
    .flatMap(item => readOperation(item) ?? []);
  if (action === 'Reject' && operations.length > 0)
    rule.at('operations').invalid('may only be given with action Accept');
  const communities = rule.at('communities').at('values').items();
  if (rule.at('communities').present && communities.length !== 1)
    rule.at('communities').at('values').invalid('must have exactly one community');
  const asPath = rule.at('asPathPrefix').items();
  return withoutUndefined<BgpFilterRule>({
    action,
    match: readMatch(rule, family),
    learned: rule.at('source').oneOf(['', 'RemotePeers']) ? true : undefined,
    interface: rule.at('interface').text() || undefined,
    peerType: rule.at('peerType').oneOf(['', 'eBGP', 'iBGP']) || undefined,
    community: communities[0] && readCommunity(communities[0]),
    asPathPrefix: asPath.length === 0 ? undefined : asPath.flatMap(item => readAs(item) ?? []),
    priority: rule.at('priority').integer(1, MOST_PRIORITY),
    operations,
    path: rule.path,
  });
}

function readMatch(rule: Field, family: Family): BgpFilterRule['match'] {
  const [cidrField, operatorField, lengths] = [
    rule.at('cidr'),
    rule.at('matchOperator'),
    rule.at('prefixLength'),
  ];
  const cidr = cidrField.value === '' ? undefined : readPrefix(cidrField);
  const operator = operatorField.oneOf(['', 'Equal', 'NotEqual', 'In', 'NotIn']) || undefined;
  const width = family === 4 ? 32 : 128;
  const least = lengths.at('min').integer(0, width) ?? 0;
  const most = lengths.at('max').integer(0, width) ?? width;
  if (cidr === undefined) {
    if (operator !== undefined) return operatorField.invalid('needs cidr');
    return lengths.present ? lengths.invalid('needs cidr') : undefined;
  }
  if (operator === undefined)
    return operatorField.invalid('must be given with cidr: Equal, NotEqual, In or NotIn');
  if (familyOf(cidr) !== family) return cidrField.invalid(`must be an IPv${family} prefix`);
  if (least > most) return lengths.invalid('must have min no greater than max');
  return { cidr, operator, least, most };
}

function readOperation(item: Field): BgpOperation | undefined {
  const [kind, ...others] = item.keys();
  if (others.length > 0)
    return item.invalid('must have exactly one of addCommunity, prependASPath, setPriority');
  switch (kind) {
    case 'addCommunity': {
      const field = item.at(kind).at('value');
      const community = readCommunity(field);
      if (!field.present) return field.invalid('must be a community');
      return community && { type: kind, community };
    }
    case 'prependASPath': {
      const list = item.at(kind).at('prefix').items();
      if (list.length < 1 || list.length > 10)
        return item.at(kind).at('prefix').invalid('must have 1 to 10 entries');
      return { type: 'prependAsPath', asNumbers: list.flatMap(as => readAs(as) ?? []) };
    }
    case 'setPriority': {
      const field = item.at(kind).at('value');
      const priority = field.integer(1, MOST_PRIORITY);
      if (!field.present) return field.invalid(`must be a whole number from 1 to ${MOST_PRIORITY}`);
      return priority === undefined ? undefined : { type: kind, priority };
    }
    default:
      return item.invalid('must have exactly one of addCommunity, prependASPath, setPriority');
  }
}
