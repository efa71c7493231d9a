import type { ErrorNames } from '../netlink/netlink-fault.ts';

/** Errors that ipset adds to the errno space (uapi/linux/netfilter/ipset/ip_set.h). */
export const IPSET_ERRORS: ErrorNames = new Map([
  [4097, ['IPSET_ERR_PROTOCOL', 'the kernel speaks another ipset protocol version']],
  [4098, ['IPSET_ERR_FIND_TYPE', 'the kernel lacks this set type']],
  [4099, ['IPSET_ERR_MAX_SETS', 'the kernel holds no more sets']],
  [4100, ['IPSET_ERR_BUSY', 'the set is used by a rule']],
  [4101, ['IPSET_ERR_EXIST_SETNAME2', 'a set with the new name exists']],
  [4102, ['IPSET_ERR_TYPE_MISMATCH', 'the sets differ in kind or family']],
  [4103, ['IPSET_ERR_EXIST', 'the member is there already, or is not there']],
  [4104, ['IPSET_ERR_INVALID_CIDR', 'the prefix length is invalid (hash:net holds no /0)']],
  [4106, ['IPSET_ERR_INVALID_FAMILY', 'the address family is invalid']],
  [4108, ['IPSET_ERR_REFERENCED', 'the set is used by a rule']],
  [4109, ['IPSET_ERR_IPADDR_IPV4', 'an IPv4 address was expected']],
  [4110, ['IPSET_ERR_IPADDR_IPV6', 'an IPv6 address was expected']],
  [4352, ['IPSET_ERR_HASH_FULL', 'the set is full']],
  [4353, ['IPSET_ERR_HASH_ELEM', 'the element is null']],
  [4354, ['IPSET_ERR_INVALID_PROTO', 'the protocol is invalid']],
  [4355, ['IPSET_ERR_MISSING_PROTO', 'the protocol is missing']],
]);
