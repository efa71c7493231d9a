/**
 * An object as data, with holes where what people set goes. It can be evaluated (manifests) or printed (chart). `each` among the elements
 * of a list adds its own to them, and so does `map` under the key `...` of a map.
 */
export type Tree = string | number | boolean | Hole | readonly Tree[] | { readonly [key: string]: Tree };

/** Where a value comes from: a setting, or what Helm knows of the release. */
export type Source = { readonly setting: string } | { readonly release: 'Namespace' };

/** What stands in a hole. */
export type Filling =
  | { readonly type: 'value'; readonly source: Source }
  /** Pieces joined: literal text and string values. */
  | { readonly type: 'text'; readonly parts: readonly (string | Source)[] }
  /** One tree or the other, or nothing; empty text, lists and maps, 0 and false are no. */
  | { readonly type: 'when'; readonly setting: string; readonly then: Tree; readonly otherwise?: Tree }
  /** A map of strings; nothing when empty. */
  | { readonly type: 'map'; readonly setting: string }
  /** A tree for each element of a list; nothing when empty. */
  | { readonly type: 'each'; readonly setting: string; readonly item: Tree }
  /** The element, inside `each`. */
  | { readonly type: 'item'; readonly of: 'string' | 'integer' | 'record' };

/** A place in a tree that is filled late. */
export class Hole {
  readonly filling: Filling;

  constructor(filling: Filling) {
    this.filling = filling;
  }
}

export const value = (setting: string): Hole => new Hole({ type: 'value', source: { setting } });
export const NAMESPACE = new Hole({ type: 'value', source: { release: 'Namespace' } });
export const text = (...parts: readonly (string | Source)[]): Hole => new Hole({ type: 'text', parts });
export const map = (setting: string): Hole => new Hole({ type: 'map', setting });
export const each = (setting: string, item: Tree): Hole => new Hole({ type: 'each', setting, item });
export const item = (of: 'string' | 'integer' | 'record'): Hole => new Hole({ type: 'item', of });
export const when = (setting: string, then: Tree, otherwise?: Tree): Hole =>
  new Hole({ type: 'when', setting, then, ...(otherwise === undefined ? {} : { otherwise }) });

/** One object of the installation. */
export interface Piece {
  /** Settings that must all be on for it to exist. */
  readonly when: readonly string[];
  /** Says what it is for: a comment above it. */
  readonly about: string;
  readonly object: Tree;
}
