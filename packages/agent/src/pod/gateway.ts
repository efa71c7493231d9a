import { mustIp } from '@muslin/net';

/**
 * What every pod sees as its router, on every node, so that a pod's view never changes. The addresses are
 * link-local (RFC 3927, RFC 4291) and belong to no interface: a permanent neighbour entry leads them to the
 * host end of the veth, which bears the same MAC on every node. fe80::ecee:eeff:feee:eeee is the EUI-64 form
 * (RFC 4291 appendix A) of that MAC, which the kernel gives to the host end by itself.
 */
export const GATEWAY = {
  mac: 'ee:ee:ee:ee:ee:ee',
  4: mustIp('169.254.1.1'),
  6: mustIp('fe80::ecee:eeff:feee:eeee'),
} as const;
