import { counted } from '../output/counted.ts';
import { NORMALISED_KINDS } from '@muslin/api';
import { apiVersionOf } from '@muslin/kube';
import type { LoadedObject } from '../files/load.ts';
import { didYouMean } from '../output/suggest.ts';

/** Groups of Kubernetes itself say nothing about connections but by the kinds that are read. */
const OWN_GROUPS = /^([a-z]+\/)?v\d\w*$|\.k8s\.io\//;
const OURS = /^(projectcalico\.org|muslin\.dev|policy\.networking\.k8s\.io)\//;

/**
 * What to tell of objects that no answer takes into account although their names make people think so: another version of a kind
 * that is read, a kind of ours that does not exist, and kinds of other programs.
 */
export async function unreadKinds(loaded: readonly LoadedObject[]): Promise<readonly string[]> {
  const known = new Set(NORMALISED_KINDS);
  const versions = Map.groupBy(NORMALISED_KINDS, name => name.slice(name.lastIndexOf('/') + 1));
  const strange = loaded.filter(({ object }) => !known.has(nameOf(object)));
  const told: string[] = [];
  const others = new Set<string>();
  let count = 0;
  const ours = strange.some(({ object }) => OURS.test(object.apiVersion))
    ? new Set(
        (await import('../files/definitions.ts')).DEFINED_KINDS.map(
          kind => `${apiVersionOf(kind)}/${kind.kind}`,
        ),
      )
    : new Set<string>();
  for (const { object, file, locate } of strange) {
    const { apiVersion, kind } = object;
    if (ours.has(nameOf(object))) continue;
    const at = `left out: ${file}:${locate('').line}: ${kind} of ${apiVersion}`;
    const right = versions.get(kind)?.map(name => name.slice(0, name.lastIndexOf('/')));
    // A Service of knative.dev is no Service of another version.
    if (right !== undefined && (/Policy$/.test(kind) || OURS.test(apiVersion)))
      told.push(`${at} is not read; it should be ${right.join(' or ')}`);
    else if (OURS.test(apiVersion))
      told.push(`${at}: there is no such kind.${didYouMean(kind, versions.keys())}`);
    else if (!OWN_GROUPS.test(apiVersion)) {
      count++;
      others.add(`${kind} of ${apiVersion}`);
    }
  }
  if (count > 0) {
    const some = [...others].slice(0, 3).join(', ');
    const more = others.size > 3 ? ` and ${others.size - 3} kinds more` : '';
    told.push(`left out: ${counted(count, 'object')} of other programs: ${some}${more}`);
  }
  return told;
}

const nameOf = ({ apiVersion, kind }: LoadedObject['object']) => `${apiVersion}/${kind}`;
