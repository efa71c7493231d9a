import type { Family } from '@muslin/net';
import { sha1Hex } from '../digest.ts';

/**
 * The MAC of a node's VXLAN device: from its name, so that it is the same after every restart and its neighbours' entries
 * stay right. 66 is locally administered and unicast (IEEE 802 §8.4).
 */
export function vtepMac(node: string, family: Family): string {
  const hex = sha1Hex(`${node} vxlan ${family}`);
  return ['66', 0, 2, 4, 6, 8].map(at => (typeof at === 'string' ? at : hex.slice(at, at + 2))).join(':');
}
