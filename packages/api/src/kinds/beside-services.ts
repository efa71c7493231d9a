/**
 * What an EntityRule may not say beside `services`: they bring addresses and ports of their own (projectcalico.org/v3
 * EntityRule). The definition refuses it, and whoever reads an object that got past one.
 */
export const NOT_BESIDE_SERVICES = [
  'nets',
  'notNets',
  'selector',
  'notSelector',
  'namespaceSelector',
  'serviceAccounts',
  'ports',
  'notPorts',
] as const;
