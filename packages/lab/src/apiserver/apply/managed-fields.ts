import type { Kind } from '../kinds/kind.ts';
import type { KubeObject } from '../kube-object.ts';

export interface WriteRecord {
  readonly manager: string;
  readonly operation: 'Update' | 'Apply';
  readonly subresource: string;
  readonly time: string;
}

export function recordWrite(
  _kind: Kind,
  next: KubeObject,
  _old: KubeObject | undefined,
  _record: WriteRecord,
): KubeObject {
  return next;
}
