import { isAlias, isMap, isScalar, isSeq, type Document, type Node } from 'yaml';
import { firstStep } from './place.ts';

/**
 * The offset in YAML text at which a path stands: a key for mappings, an item for sequences; or that of the nearest
 * part above it. Aliases lead to what they name.
 */
export function yamlOffset(document: Document, path: string): number {
  let node = document.contents as Node | null;
  let offset = node?.range?.[0] ?? 0;
  let rest = path;
  while (rest !== '') {
    if (isAlias(node)) node = node.resolve(document) ?? null;
    if (isMap(node)) {
      const keys = node.items.map(pair => (isScalar(pair.key) ? String(pair.key.value) : ''));
      const step = firstStep(rest, keys);
      if (step === undefined || 'index' in step) return offset;
      const pair = node.items[keys.indexOf(step.key)];
      offset = (pair?.key as Node | undefined)?.range?.[0] ?? offset;
      node = (pair?.value ?? null) as Node | null;
      rest = step.rest;
    } else if (isSeq(node)) {
      const step = firstStep(rest, []);
      if (step === undefined || 'key' in step) return offset;
      node = (node.items[step.index] ?? null) as Node | null;
      if (node === null) return offset;
      offset = node.range?.[0] ?? offset;
      rest = step.rest;
    } else return offset;
  }
  return offset;
}
