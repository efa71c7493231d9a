import type { Finding, ObjectRef, PolicyKey, Snapshot } from '@muslin/api';
import type { Place } from '../files/place.ts';

/** What questions are asked about: a cluster, live or as files describe it. */
export interface World {
  readonly snapshot: Snapshot;
  readonly findings: readonly Finding[];
  /** Endpoint keys of pods whose address was made up. */
  readonly madeUp: ReadonlySet<string>;
  /** Where a path of an object stands, when a file holds it. A policy's `key` tells kinds of one name apart. */
  readonly placeOf: (object: ObjectRef, path: string, key?: PolicyKey) => Place | undefined;
  /** Things to tell the person that do not stop the answer. */
  readonly warnings: readonly string[];
}
