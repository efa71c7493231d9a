import { normalise } from '@muslin/api';
import type { AnyObject } from '@muslin/kube';
import { type CalicoSources, isLedger } from './calico-sources.ts';
import { type MigrationNote, toV3 } from './to-v3.ts';

/** Which program serves a node: absent or another value means Calico. */
export const NODE_LABEL = 'muslin.dev/node';
export const ON_MUSLIN = 'muslin';

/** What a migration would do. */
export interface MigrationPlan {
  readonly group: CalicoSources['group'];
  /** Everything but the ledger of addresses, as Muslin will hold it. */
  readonly objects: readonly AnyObject[];
  /** Blocks, affinities and handles, likewise; empty when both share one ledger. */
  readonly ledger: readonly AnyObject[];
  readonly notes: readonly MigrationNote[];
  readonly nodes: readonly { readonly name: string; readonly on: 'calico' | 'muslin' }[];
}

export function planOf({ group, objects, nodes }: CalicoSources): MigrationPlan {
  const converted = objects.map(toV3);
  const all = converted.flatMap(({ object }) => (object === undefined ? [] : [object]));
  const shared = group === 'projectcalico.org';
  return {
    group,
    objects: shared ? [] : all.filter(({ kind = '' }) => !isLedger(kind)),
    ledger: shared ? [] : all.filter(({ kind = '' }) => isLedger(kind)),
    notes: [...converted.flatMap(({ notes }) => notes), ...all.flatMap(meaningNotes)],
    nodes: nodes.map(({ metadata }) => ({
      name: metadata.name ?? '',
      on: metadata.labels?.[NODE_LABEL] === ON_MUSLIN ? 'muslin' : 'calico',
    })),
  };
}

/** What the agents themselves will say of an object. */
function meaningNotes(object: AnyObject): readonly MigrationNote[] {
  return normalise(object).findings.map(({ object: ref, path, message }) => ({
    object: `${ref.kind} ${ref.namespace === undefined ? '' : `${ref.namespace}/`}${ref.name}`,
    ...{ path, fate: 'unsupported' as const, reason: message },
  }));
}
