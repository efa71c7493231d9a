import type { Values } from './settings.ts';
import { type Filling, Hole, type Piece, type Source, type Tree } from './tree.ts';

/** What holes are filled from. */
export interface Context {
  readonly values: Values;
  readonly namespace: string;
}

/** The objects of an installation, without holes. */
export function evaluatePieces(pieces: readonly Piece[], context: Context): readonly Tree[] {
  return pieces
    .filter(piece => piece.when.every(setting => isOn(lookUp({ setting }, context))))
    .map(piece => evaluate(piece.object, context) as Tree);
}

/** Fills all holes; undefined: nothing stands here. */
export function evaluate(tree: Tree, context: Context, element?: Tree): Tree | undefined {
  if (tree instanceof Hole) return fill(tree.filling, context, element);
  if (Array.isArray(tree))
    return tree.flatMap((part): readonly Tree[] => {
      const found = evaluate(part, context, element);
      if (found === undefined) return [];
      return part instanceof Hole && part.filling.type === 'each' ? (found as readonly Tree[]) : [found];
    });
  if (typeof tree !== 'object') return tree;
  const entries = Object.entries(tree).flatMap(([key, part]): readonly (readonly [string, Tree])[] => {
    const found = evaluate(part as Tree, context, element);
    if (found === undefined) return [];
    return key === '...' ? Object.entries(found as Readonly<Record<string, Tree>>) : [[key, found]];
  });
  return Object.fromEntries(entries);
}

function fill(filling: Filling, context: Context, element: Tree | undefined): Tree | undefined {
  switch (filling.type) {
    case 'value':
      return lookUp(filling.source, context);
    case 'text':
      return filling.parts
        .map(part => (typeof part === 'string' ? part : String(lookUp(part, context))))
        .join('');
    case 'when': {
      const branch = isOn(lookUp(filling, context)) ? filling.then : filling.otherwise;
      return branch === undefined ? undefined : evaluate(branch, context, element);
    }
    case 'map': {
      const entries = lookUp(filling, context) as Readonly<Record<string, string>>;
      return Object.keys(entries).length === 0 ? undefined : entries;
    }
    case 'each': {
      const list = lookUp(filling, context) as readonly Tree[];
      if (list.length === 0) return undefined;
      return list.map(each => evaluate(filling.item, context, each) as Tree);
    }
    case 'item':
      return element;
    default:
      return filling satisfies never;
  }
}

/** Truth as Go's templates see it: empty text, lists and maps, 0 and false are no. */
function isOn(value: Tree): boolean {
  return typeof value === 'object' ? Object.keys(value).length > 0 : Boolean(value);
}

function lookUp(source: Source, { values, namespace }: Context): Tree {
  if ('release' in source) return namespace;
  let place: unknown = values;
  for (const key of source.setting.split('.')) place = (place as Readonly<Record<string, unknown>>)[key];
  if (place === undefined) throw new Error(`${source.setting} has no value`);
  return place as Tree;
}
