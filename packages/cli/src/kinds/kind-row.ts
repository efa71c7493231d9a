import type { AnyObject, RESOURCES, Resource } from '@muslin/kube';
import type { Column } from '../output/table.ts';

/** Name of a resource in `RESOURCES` of @muslin/kube. */
type ResourceName = keyof typeof RESOURCES;

/** One kind that `get` shows. */
export interface KindRow {
  /** Plural first, then singular and short names, all lower case; they are unique over the table. */
  readonly names: readonly [string, ...string[]];
  /** What it is made of; several share one table. */
  readonly resources: readonly (ResourceName | Resource)[];
  readonly namespaced: boolean;
  /** Another kind that the columns look into; `wide`: only for `-o wide`. */
  readonly joins?: { readonly resource: ResourceName; readonly wide?: true };
  /** Columns besides NAMESPACE. `joined` are the objects of `joins`. */
  readonly columns: (joined: readonly AnyObject[], now: Date) => readonly Column<AnyObject>[];
  /** Makes the shown object of one that is stored. */
  readonly derive?: (object: AnyObject) => AnyObject | undefined;
}

export const NAME: Column<AnyObject> = { head: 'NAME', cell: object => object.metadata.name };
