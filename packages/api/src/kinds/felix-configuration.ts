import { bpf } from './felix/bpf.ts';
import { network } from './felix/network.ts';
import { rules } from './felix/rules.ts';
import { system } from './felix/system.ts';
import { calicoKind } from './kind.ts';
import { object } from './property.ts';

/** All fields in one alphabet, as people look for them. */
const fields = { ...system, ...rules, ...network, ...bpf };

export const felixConfiguration = calicoKind({
  kind: 'FelixConfiguration',
  plural: 'felixconfigurations',
  scope: 'Cluster',
  about:
    'Settings of the agent on each node: `default` for all nodes, `node.<name>` for one, any other name for those that its nodeSelector picks. Every field of Calico is accepted; those about parts that Muslin does not have change nothing.',
  spec: object(fields, 'The settings', [
    {
      rule: '!has(self.routeTableRange) || !has(self.routeTableRanges)',
      message: 'routeTableRange and routeTableRanges may not both be given',
    },
  ]),
});
