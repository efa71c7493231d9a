import { formatJson } from '@muslin/net';
import type { Block, BlockAttribute } from './block.ts';

/** Drops attributes that no address uses, and points equal ones to one entry. */
export function pruneAttributes(block: Block): Block {
  const attributes: BlockAttribute[] = [];
  const places = new Map<string, number>();
  const allocations = block.allocations.map(index => {
    const attribute = index === null ? undefined : block.attributes[index];
    if (attribute === undefined) return null;
    const key = attributeKey(attribute);
    const place = places.get(key) ?? attributes.push(attribute) - 1;
    places.set(key, place);
    return place;
  });
  return { ...block, allocations, attributes };
}

function attributeKey(attribute: BlockAttribute): string {
  const sorted = (texts: Readonly<Record<string, string>> = {}) => Object.entries(texts).sort();
  return JSON.stringify([
    attribute.handleId,
    sorted(attribute.secondary),
    attribute.releasedAt,
    sorted(attribute.alternateOwnerAttrs),
    formatJson(attribute.others ?? null),
  ]);
}
