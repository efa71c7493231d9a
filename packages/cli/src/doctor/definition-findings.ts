import { type AnyObject, apiVersionOf, resourceName } from '@muslin/kube';
import { DEFINED_KINDS, definitionOf } from '../files/definitions.ts';
import { isRecord, listAt, recordAt, textAt, valueAt } from '../files/json.ts';
import type { Finding } from './finding.ts';

const FIX = 'kubectl apply --server-side -f crds/ of the version that runs';

/** Definitions that are missing, not accepted, or older than what this program knows. */
export function definitionFindings(crds: readonly AnyObject[]): readonly Finding[] {
  const byName = new Map(crds.map(crd => [crd.metadata.name, crd]));
  return DEFINED_KINDS.flatMap((kind): readonly Finding[] => {
    const name = resourceName(kind);
    const about = { area: 'definitions' as const, object: `CustomResourceDefinition ${name}`, fix: FIX };
    const theirs = byName.get(name);
    if (theirs === undefined) {
      const reason = `${kind.kind} of ${kind.group} is not defined: nobody can write one, and no node sees one`;
      return [{ ...about, severity: 'problem', code: 'definition-missing', reason }];
    }
    const refused = listAt(theirs, 'status', 'conditions').find(
      each =>
        ['Established', 'NamesAccepted'].includes(textAt(each, 'type') ?? '') &&
        textAt(each, 'status') === 'False',
    );
    if (refused !== undefined) {
      const reason = `the API server does not serve it: ${textAt(refused, 'message') ?? 'no reason is given'}`;
      const fix = 'remove the definition that uses the same names, or what the message says';
      return [{ ...about, fix, severity: 'problem', code: 'definition-refused', reason }];
    }
    const version = listAt(theirs, 'spec', 'versions').find(each => textAt(each, 'name') === kind.version);
    if (version === undefined || valueAt(version, 'served') === false) {
      const reason = `it does not serve version ${kind.version}, which Muslin reads`;
      return [{ ...about, severity: 'problem', code: 'definition-old', reason }];
    }
    const has = new Set(fieldsOf(valueAt(version, 'schema', 'openAPIV3Schema')));
    const lacks = fieldsOf(definitionOf(`${apiVersionOf(kind)}/${kind.kind}`)).filter(
      field => !has.has(field),
    );
    if (lacks.length === 0) return [];
    const more = lacks.length > 3 ? ` and ${lacks.length - 3} more` : '';
    const reason = `it lacks fields that this version of Muslin knows, and drops what is written there: ${lacks.slice(0, 3).join(', ')}${more}`;
    return [{ ...about, severity: 'warning', code: 'definition-old', reason }];
  });
}

/** Paths of all properties of a structural schema: `spec.cidr`, `spec.rules[].action`. */
function fieldsOf(schema: unknown, at = ''): readonly string[] {
  const own = Object.entries(recordAt(schema, 'properties')).flatMap(([name, part]) => {
    const path = at === '' ? name : `${at}.${name}`;
    return [path, ...fieldsOf(part, path)];
  });
  const items = valueAt(schema, 'items');
  return isRecord(items) ? [...own, ...fieldsOf(items, `${at}[]`)] : own;
}
