import { ok, type Result } from '@muslin/net';
import { type JsonObject, jsonText } from '../json.ts';
import { apiVersionOf, type Kind } from '../kinds/kind.ts';
import { fromStored, objectText } from '../kinds/stored-form.ts';
import type { KubeObject } from '../kube-object.ts';
import { badRequest, failure, refuse, type Status } from '../status.ts';
import { tableHead, tableRow } from '../table/table.ts';
import { JSON_TYPE } from './request.ts';

/** The form in which a client wants objects. */
type Form = 'object' | 'table' | 'metadata';

export interface Presentation {
  readonly form: Form;
  readonly contentType: string;
  /** Table only: how much of the object each row carries (`includeObject` parameter). */
  readonly include: 'Object' | 'Metadata' | 'None';
  /** Metadata only: whether the name that was asked for is that of one object or of a list. */
  readonly of?: 'one' | 'list';
}

const TYPES = 'application/json, application/yaml, application/vnd.kubernetes.protobuf';
const AVAILABLE = `${TYPES}, application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch`;

/** Chooses the first acceptable form (Kubernetes API concepts, Receiving resources as Tables). */
export function choosePresentation(
  accept: string,
  query: URLSearchParams,
  builtIn: boolean,
): Result<Presentation, Status> {
  const include = query.get('includeObject');
  const known = include === null || ['', 'Metadata', 'Object', 'None'].includes(include);
  const rows = include === 'Object' || include === 'None' ? include : 'Metadata';
  const choices = accept.trim() === '' ? ['*/*'] : accept.split(',');
  for (const choice of choices) {
    const [type = '', ...parameters] = choice.split(';').map(part => part.trim().toLowerCase());
    if (!['application/json', '*/*', 'application/*'].includes(type)) continue;
    const as = parameters.find(part => part.startsWith('as='))?.slice(3) ?? '';
    const version = parameters.find(part => part.startsWith('v='))?.slice(2) ?? 'v1';
    if (version !== 'v1') continue;
    if (as === '') return ok({ form: 'object', contentType: JSON_TYPE, include: rows });
    if (as === 'table' && !known) {
      const why = `includeObject: Invalid value: ${JSON.stringify(include)}: must be 'Metadata', 'Object', 'None', or empty`;
      return refuse(badRequest(`Unable to convert to Table as requested: ${why}`));
    }
    if (as === 'table') {
      return ok({
        form: 'table',
        contentType: JSON_TYPE,
        include: rows,
      });
    }
    if (as === 'partialobjectmetadata' || as === 'partialobjectmetadatalist') {
      return ok({
        form: 'metadata',
        contentType: JSON_TYPE,
        of: as.endsWith('list') ? 'list' : 'one',
        include: rows,
      });
    }
  }
  if (!builtIn)
    return refuse(failure(406, 'NotAcceptable', `only the following media types are accepted: ${TYPES}`));
  return refuse(
    failure(406, 'NotAcceptable', `406: Not Acceptable\n\nAvailable representations: ${AVAILABLE}`, {}),
  );
}

function partialMetadata(object: KubeObject): JsonObject {
  return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata };
}

/** One object as a whole answer, or as the object of a watch event. */
export function presentOne(
  kind: Kind,
  object: KubeObject,
  { form, include }: Presentation,
  now: Date,
  withHead = true,
): string {
  switch (form) {
    case 'object':
      return objectText(kind, object);
    case 'metadata':
      return jsonText(partialMetadata(object));
    case 'table': {
      const head = withHead ? tableHead(kind) : { columnDefinitions: null };
      const metadata = { resourceVersion: object.metadata.resourceVersion };
      return jsonText({
        kind: 'Table',
        apiVersion: 'meta.k8s.io/v1',
        metadata,
        ...head,
        rows: [tableRow(kind, object, include, now)],
      });
    }
    default:
      return form satisfies never;
  }
}

/** A page as a whole answer. Items of built-in kinds carry no type of their own. */
export function presentList(
  kind: Kind,
  objects: readonly KubeObject[],
  metadata: JsonObject,
  { form, include }: Presentation,
  now: Date,
): string {
  const meta = jsonText(metadata);
  switch (form) {
    case 'object': {
      const items = objects.map(object =>
        kind.builtIn ? jsonText(fromStored(kind, object)) : objectText(kind, object),
      );
      const type = `"kind":${JSON.stringify(kind.listKind)},"apiVersion":${JSON.stringify(apiVersionOf(kind))}`;
      return `{${type},"metadata":${meta},"items":[${items.join(',')}]}`;
    }
    case 'metadata': {
      const items = objects.map(object => jsonText(partialMetadata(object)));
      return `{"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/v1","metadata":${meta},"items":[${items.join(',')}]}`;
    }
    case 'table': {
      const rows = objects.map(object => tableRow(kind, object, include, now));
      return jsonText({ kind: 'Table', apiVersion: 'meta.k8s.io/v1', metadata, ...tableHead(kind), rows });
    }
    default:
      return form satisfies never;
  }
}
