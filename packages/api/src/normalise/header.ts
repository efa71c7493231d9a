import type { ObjectRef } from '../model/policy.ts';
import type { Labels } from '../model/selector.ts';
import { ownLabels } from '../selector/effective-labels.ts';
import { Field, isRecord, Report } from './field.ts';

/** What every object has before its own fields. */
export interface Header {
  readonly report: Report;
  readonly root: Field;
  readonly spec: Field;
  readonly source: ObjectRef;
  readonly name: string;
  /** Empty for cluster-wide kinds; `default` when a namespaced object names none, as kubectl would. */
  readonly namespace: string;
  /** Own labels, without those that normalisation owns. */
  readonly labels: Labels;
  readonly annotations: ReadonlyMap<string, string>;
}

/** Opens an object for reading. A missing name makes it invalid. */
export function readHeader(object: unknown, scope: 'Cluster' | 'Namespaced'): Header {
  const { kind, namespace, name } = identify(object);
  const home = scope === 'Namespaced' ? namespace || 'default' : '';
  const source: ObjectRef = scope === 'Namespaced' ? { kind, namespace: home, name } : { kind, name };
  const report = new Report(source);
  const root = new Field(object, '', report);
  const metadata = root.at('metadata');
  if (!isSegment(name)) metadata.at('name').invalid('must be a name without "/" and "%"');
  if (home !== '' && !isSegment(home)) metadata.at('namespace').invalid('must be a name without "/" and "%"');
  return {
    report,
    root,
    spec: root.at('spec'),
    source,
    name,
    namespace: home,
    labels: ownLabels(metadata.at('labels').texts()),
    annotations: metadata.at('annotations').texts(),
  };
}

/** What any API server accepts as part of a path, so that keys such as `pod/<namespace>/<name>` are unique. */
function isSegment(name: string): boolean {
  return name.length >= 1 && name.length <= 253 && name !== '.' && name !== '..' && !/[/%]/.test(name);
}

/** Which object this claims to be. Total: absent or misshapen parts are empty. */
export function identify(object: unknown): {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
} {
  const record = isRecord(object) ? object : {};
  const metadata = isRecord(record['metadata']) ? record['metadata'] : {};
  return {
    apiVersion: asText(record['apiVersion']),
    kind: asText(record['kind']),
    namespace: asText(metadata['namespace']),
    name: asText(metadata['name']),
  };
}

function asText(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
