import { AGE, calicoKind, column } from './kind.ts';
import { integer, intOrString, list, object, text, texts } from './property.ts';

export const hostEndpoint = calicoKind({
  kind: 'HostEndpoint',
  plural: 'hostendpoints',
  shortNames: ['hep', 'heps'],
  scope: 'Cluster',
  about:
    'Interfaces of a node behind labels, so that global policies can select them. Without any policy or profile nothing but failsafe ports is open there.',
  spec: object(
    {
      node: text('Node that has the interface', { max: 253 }).optional(),
      interfaceName: text('Interface, or * for all but loopback', { max: 15 }).optional(),
      expectedIPs: texts('Addresses of the interface').optional(),
      profiles: texts('Profiles that apply to the interface').optional(),
      ports: list(
        object(
          {
            name: text('Name that rules use'),
            protocol: intOrString('TCP, UDP, SCTP or a protocol number'),
            port: integer('Port number', { least: 1, most: 65_535 }),
          },
          'A named port',
        ),
        'Named ports',
      ).optional(),
    },
    'The interface',
    [
      {
        rule: "has(self.node) && self.node != ''",
        message: 'node must be given',
      },
      {
        rule: "has(self.interfaceName) && self.interfaceName != '' || has(self.expectedIPs) && size(self.expectedIPs) > 0",
        message: 'interfaceName or expectedIPs must be given',
      },
    ],
  ),
  columns: [
    column('Node', '.spec.node', 'Node that has the interface'),
    column('Interface', '.spec.interfaceName', 'Name of the interface'),
    AGE,
  ],
});
