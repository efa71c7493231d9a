/** Address families of netlink headers (AF_*); 4 and 6 are @muslin/net's names. */
export const FAMILY = { 4: 2, 6: 10, bridge: 7, unspecified: 0 } as const;
