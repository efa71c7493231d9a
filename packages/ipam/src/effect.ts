import type { Prefix } from '@muslin/net';
import type { IpamKind, StoredObject } from './stored.ts';

/** What a machine wants done in the store. */
export type Effect =
  | StoreRequest
  /** Several that do not depend on each other, in any order or at once; the answer has their answers in this order. */
  | { readonly type: 'all'; readonly requests: readonly StoreRequest[] };

/** One request to the store. */
export type StoreRequest =
  | { readonly type: 'read'; readonly kind: IpamKind; readonly name: string }
  /**
   * Objects of a kind. `node`: affinities of this owner; `within`: blocks of this pool. The answer may hold more, and
   * may come from a cache: whatever is decided from it is checked again by the write that follows.
   */
  | { readonly type: 'list'; readonly kind: IpamKind; readonly node?: string; readonly within?: Prefix }
  | { readonly type: 'create'; readonly object: StoredObject }
  /** Replaces the object, if it still has the version in its metadata. */
  | { readonly type: 'update'; readonly object: StoredObject }
  /** Deletes the object, if it still has this version (DeleteOptions preconditions). */
  | {
      readonly type: 'delete';
      readonly kind: IpamKind;
      readonly name: string;
      readonly resourceVersion: string;
    };

/** What came of an effect. */
export type Input = StoreAnswer | { readonly type: 'all'; readonly answers: readonly StoreAnswer[] };

/** What came of one request. */
export type StoreAnswer =
  /** Answer to read. */
  | { readonly type: 'found'; readonly object: StoredObject }
  /** Answer to list. */
  | { readonly type: 'listed'; readonly objects: readonly StoredObject[] }
  /** Answer to create and update: the object as stored, with its new version. */
  | { readonly type: 'written'; readonly object: StoredObject }
  /** Answer to delete. */
  | { readonly type: 'deleted' }
  /** Answer to read, update and delete: there is no such object (404). */
  | { readonly type: 'absent' }
  /** Answer to create (already there), update and delete (another version): 409. */
  | { readonly type: 'conflict' }
  /** The store gave no answer, or refused; the effect may or may not have happened. */
  | { readonly type: 'failed'; readonly message: string };
