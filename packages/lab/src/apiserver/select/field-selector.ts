import { fail, ok, type Result } from '@muslin/net';
import type { KubeObject } from '../kube-object.ts';
import { badRequest, type Status } from '../status.ts';

/** Reads one selectable field of an object as text. */
export type FieldReader = (object: KubeObject) => string;

interface Term {
  readonly read: FieldReader;
  readonly value: string;
  readonly equal: boolean;
}

/** A parsed `fieldSelector` parameter. */
export type FieldSelector = readonly Term[];

/**
 * Parses `metadata.name=a,spec.nodeName!=b`.
 * @param readers the fields that the kind can be selected by
 * @param custom  whether the kind comes from a CRD (its refusal is worded differently)
 */
export function parseFieldSelector(
  text: string,
  readers: ReadonlyMap<string, FieldReader>,
  custom: boolean,
): Result<FieldSelector, Status> {
  const terms: Term[] = [];
  for (const part of text.split(',').filter(part => part.trim() !== '')) {
    const match = /^\s*([^=!]+)(==|=|!=)(.*)$/.exec(part);
    if (match === null) return fail(badRequest(`invalid selector: '${text}'; can't understand '${part}'`));
    const [, field, operator, value] = match as unknown as [string, string, string, string];
    const read = readers.get(field);
    if (read === undefined) {
      const known = '"metadata.name", "metadata.namespace"';
      return fail(
        badRequest(
          custom || readers.size > 2
            ? `field label not supported: ${field}`
            : `"${field}" is not a known field selector: only ${known}`,
        ),
      );
    }
    terms.push({ read, value: value.replace(/\\([\\,=])/g, '$1'), equal: operator !== '!=' });
  }
  return ok(terms);
}

export function fieldsMatch(selector: FieldSelector, object: KubeObject): boolean {
  return selector.every(({ read, value, equal }) => (read(object) === value) === equal);
}
