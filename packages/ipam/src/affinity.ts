import { formatPrefix, ok, type Prefix, type Result } from '@muslin/net';
import type { BlockOwner } from './block.ts';
import { affinityName } from './names.ts';
import { badField, cidrField, rawSpec } from './spec-field.ts';
import type { SpecFault, StoredObject } from './stored.ts';

/**
 * How far a claim is. `pending`: wants the block. `confirmed`: has it. `pendingDeletion`: gives it up. The block
 * itself decides who has it; an affinity only announces.
 */
export type AffinityState = 'pending' | 'confirmed' | 'pendingDeletion';

/** A BlockAffinity as a value. */
export interface Affinity {
  readonly cidr: Prefix;
  readonly owner: BlockOwner;
  readonly state: AffinityState;
  readonly deleted: boolean;
}

/** Reads a BlockAffinity's spec. An empty state is `confirmed`: Calico's oldest clients wrote none. */
export function affinityFromSpec(spec: unknown): Result<Affinity, SpecFault> {
  const raw = rawSpec(spec);
  if (!raw.ok) return raw;
  const cidr = cidrField(raw.value);
  if (!cidr.ok) return cidr;
  const { node, type, state = '', deleted } = raw.value;
  if (typeof node !== 'string' || node === '') return badField('node', 'is missing');
  if (state !== '' && state !== 'pending' && state !== 'confirmed' && state !== 'pendingDeletion')
    return badField('state', 'is none of pending, confirmed, pendingDeletion');
  return ok({
    cidr: cidr.value,
    owner: { type: type === 'virtual' ? 'virtual' : 'host', name: node },
    state: state === '' ? 'confirmed' : state,
    // crd.projectcalico.org/v1 wrote a text.
    deleted: deleted === true || deleted === 'true',
  });
}

/** Writes a BlockAffinity's spec. */
export function affinityToSpec(affinity: Affinity): Record<string, unknown> {
  return {
    cidr: formatPrefix(affinity.cidr),
    node: affinity.owner.name,
    type: affinity.owner.type,
    state: affinity.state,
    deleted: affinity.deleted,
  };
}

/** A new BlockAffinity. */
export function storedAffinity(affinity: Affinity): StoredObject {
  return {
    kind: 'BlockAffinity',
    metadata: {
      name: affinityName(affinity.owner.name, affinity.cidr),
      labels: {
        'projectcalico.org/affinity-type': affinity.owner.type,
        'projectcalico.org/ip-version': String(affinity.cidr.ip.family),
      },
    },
    spec: affinityToSpec(affinity),
  };
}
