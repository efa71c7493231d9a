import type { SetId } from '@muslin/api';
import { setName } from '../../set-name.ts';
import { bang, type MatchRow, unequal, unless, word } from '../match-row.ts';
import type { Packet } from '../packet.ts';

/** Which parts of the packet are looked up: an address, or an address and a port. */
export type SetKey = 'src' | 'dst' | 'src,src' | 'dst,dst' | 'src,dst' | 'dst,src';

/** What the key names is a member of the set. A packet without ports is in no address-and-port set. */
export interface SetMatch {
  readonly kind: 'set';
  readonly set: SetId;
  readonly key: SetKey;
  readonly not?: true;
}

const ADDRESS = { src: 'saddr', dst: 'daddr' } as const;
const PORT = { src: 'sport', dst: 'dport' } as const;
type Side = 'src' | 'dst';

function sides(key: SetKey): readonly [Side, Side | undefined] {
  const [address, port] = key.split(',') as [Side, Side?];
  return [address, port];
}

const portOf = (packet: Packet, side: Side) => (side === 'src' ? packet.sport : packet.dport);

export const setRow: MatchRow<SetMatch> = {
  iptables: (m, family) => ['-m', 'set', ...bang(m), '--match-set', word(setName(m.set, family)), m.key],
  nft: (m, family) => {
    const [address, port] = sides(m.key);
    const field = `${family === 4 ? 'ip' : 'ip6'} ${ADDRESS[address]}`;
    const whole = port === undefined ? field : `${field} . meta l4proto . th ${PORT[port]}`;
    return `${whole} ${unequal(m)}@${word(setName(m.set, family))}`;
  },
  evaluate: (m, packet, sets) => {
    const [address, portSide] = sides(m.key);
    const ip = address === 'src' ? packet.src : packet.dst;
    if (portSide === undefined) return unless(m, sets.hasIp(m.set, ip));
    const port = portOf(packet, portSide);
    return unless(m, port !== undefined && sets.hasIpPort(m.set, ip, packet.protocol, port));
  },
};
