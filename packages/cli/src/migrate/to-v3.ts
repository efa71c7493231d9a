import type { AnyObject } from '@muslin/kube';
import { definitionOf } from '../files/definitions.ts';
import { isRecord, recordAt, valueAt } from '../files/json.ts';
import { RENAMED, servedMetadata } from '../files/stored-calico.ts';

/** What becomes of one object or field: kept but not acted on, written differently, or left out. */
export interface MigrationNote {
  readonly object: string;
  readonly path: string;
  readonly fate: 'changed' | 'unsupported';
  readonly reason: string;
}

/** An object as Muslin will hold it; undefined: Muslin has no such kind. */
export interface Converted {
  readonly object: AnyObject | undefined;
  readonly notes: readonly MigrationNote[];
}

/** An object of `crd.projectcalico.org/v1` or `projectcalico.org/v3` as `projectcalico.org/v3` of Muslin. */
export function toV3(source: AnyObject): Converted {
  const was = source.kind ?? '';
  const kindName = RENAMED.get(was) ?? was;
  const metadata = servedMetadata(source);
  const name = `${kindName} ${metadata.namespace === undefined ? '' : `${metadata.namespace}/`}${metadata.name ?? ''}`;
  const definition = definitionOf(`projectcalico.org/v3/${kindName}`);
  if (definition === undefined) {
    const reason = `Muslin has no kind ${was}; it is left where it is`;
    return { object: undefined, notes: [{ object: name, path: '', fate: 'unsupported', reason }] };
  }
  const notes: MigrationNote[] = [];
  const note = (path: string, fate: MigrationNote['fate'], reason: string) =>
    void notes.push({ object: name, path, fate, reason });
  if (kindName !== was) note('', 'changed', `kind ${was} is called ${kindName} in projectcalico.org/v3`);
  const spec = rewritten(kindName, recordAt(source, 'spec'), note);
  const kept = pruned(definition.properties?.['spec'], spec, 'spec', path =>
    note(path, 'unsupported', 'Muslin has no such field; it is left out'),
  );
  return {
    object: { apiVersion: 'projectcalico.org/v3', kind: kindName, metadata, spec: kept } as AnyObject,
    notes,
  };
}

/** `BlockAffinity.spec.deleted` is a text in v1, and a boolean in v3. */
function rewritten(
  kind: string,
  spec: Readonly<Record<string, unknown>>,
  note: (path: string, fate: MigrationNote['fate'], reason: string) => void,
): Readonly<Record<string, unknown>> {
  if (kind === 'BlockAffinity' && typeof spec['deleted'] === 'string') {
    note('spec.deleted', 'changed', `the text "${spec['deleted']}" is a boolean in projectcalico.org/v3`);
    return { ...spec, deleted: spec['deleted'] === 'true' };
  }
  const most = spec['maxBlocksPerHost'];
  if (kind === 'IPAMConfiguration' && typeof most === 'number' && most > 1_000_000) {
    note(
      'spec.maxBlocksPerHost',
      'changed',
      `${most} is more than 1000000, the most in projectcalico.org/v3`,
    );
    return { ...spec, maxBlocksPerHost: 1_000_000 };
  }
  return spec;
}

/** The value without fields that the schema does not know. */
function pruned(schema: unknown, value: unknown, path: string, drop: (path: string) => void): unknown {
  if (Array.isArray(value)) {
    const items = valueAt(schema, 'items');
    return value.map((item, i) => pruned(items, item, `${path}[${i}]`, drop));
  }
  const properties = valueAt(schema, 'properties');
  if (!isRecord(value) || !isRecord(properties)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, part]) => {
      if (Object.hasOwn(properties, name))
        return [[name, pruned(properties[name], part, `${path}.${name}`, drop)]];
      drop(`${path}.${name}`);
      return [];
    }),
  );
}
