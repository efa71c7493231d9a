import { NOT_BESIDE_SERVICES } from './beside-services.ts';
import * as z from 'zod';
import {
  type CelRule,
  choice,
  integer,
  intOrString,
  labels,
  list,
  object,
  selector,
  text,
  texts,
} from './property.ts';

function entity(side: string) {
  return object(
    {
      nets: texts(`Prefixes or addresses that hold the ${side}; all of one family in a rule`, {
        max: 256,
      }).optional(),
      notNets: texts(`Prefixes or addresses that must not hold the ${side}`, { max: 256 }).optional(),
      selector: selector(
        `Pods and network sets that hold the ${side}; in a namespaced policy those of its own namespace, unless namespaceSelector is given`,
      ).optional(),
      notSelector: selector(`Pods and network sets that must not hold the ${side}`).optional(),
      namespaceSelector: selector(
        `Namespaces of the ${side}; all() means any namespace, global() means what has none`,
      ).optional(),
      serviceAccounts: object(
        {
          names: texts('Names of service accounts').optional(),
          selector: text('Selector over labels of service accounts').optional(),
        },
        `Service accounts under which the pods at the ${side} run; names and selector must both hold`,
      ).optional(),
      services: object(
        {
          name: text('Name of the Service', { max: 253 }).optional(),
          namespace: text('Its namespace; may be left out in a namespaced policy, which then means its own', {
            max: 253,
          }).optional(),
        },
        'A Service whose backends are meant, with their ports: as destination of egress or source of ingress only',
      ).optional(),
      ports: list(
        intOrString('A port, a range such as 80:90, or a port name'),
        `Ports of the ${side}; needs protocol TCP, UDP or SCTP`,
        {
          max: 50,
        },
      ).optional(),
      notPorts: list(
        intOrString('A port, a range such as 80:90, or a port name'),
        `Ports that the ${side} must not have`,
        {
          max: 50,
        },
      ).optional(),
    },
    `What the ${side} of the traffic must be; absent means anything`,
    [
      {
        rule: `!has(self.services) || !(${NOT_BESIDE_SERVICES.map(part => `has(self.${part})`).join(' || ')})`,
        message: 'services may not be combined with other fields',
      },
    ],
  );
}

function icmp(description: string) {
  return object(
    {
      type: integer('ICMP type', { least: 0, most: 254 }).optional(),
      code: integer('ICMP code; needs type', { least: 0, most: 255 }).optional(),
    },
    description,
    [{ rule: '!has(self.code) || has(self.type)', message: 'code needs type' }],
  );
}

const http = object(
  {
    methods: texts('Methods, such as GET', { max: 20 }).optional(),
    paths: list(
      object(
        {
          exact: text('The whole path', { max: 1_024 }).optional(),
          prefix: text('The beginning of the path', { max: 1_024 }).optional(),
        },
        'A path: either exact or prefix',
      ),
      'Paths, without query',
      { max: 20 },
    ).optional(),
  },
  'HTTP requests. Muslin has no proxy that looks into connections: a rule with http matches nothing',
);

const DIRECTION_RULES: Readonly<Record<'ingress' | 'egress', readonly CelRule[]>> = {
  ingress: [
    {
      rule: "!has(self.http) || self.action == 'Allow'",
      message: 'http is only for rules that allow',
    },
    {
      rule: '!has(self.destination) || !has(self.destination.services)',
      message: 'services may only be the source of ingress',
    },
  ],
  egress: [
    { rule: '!has(self.http)', message: 'http is only for ingress rules' },
    {
      rule: '!has(self.source) || !has(self.source.services)',
      message: 'services may only be the destination of egress',
    },
  ],
};

/** The rules of one direction of a Calico policy. */
export function policyRules(direction: 'ingress' | 'egress') {
  const rule = object(
    {
      action: choice(
        ['Allow', 'Deny', 'Log', 'Pass'],
        'What to do with traffic that matches. Pass goes on to the next tier, Log to the next rule',
      ),
      ipVersion: z.literal([4, 6]).meta({ description: 'Only this address family' }).optional(),
      protocol: intOrString('TCP, UDP, ICMP, ICMPv6, SCTP, UDPLite or a protocol number').optional(),
      notProtocol: intOrString('Any protocol but this').optional(),
      icmp: icmp('Only this kind of ICMP; needs protocol ICMP or ICMPv6').optional(),
      notICMP: icmp('Any kind of ICMP but this').optional(),
      source: entity('source').optional(),
      destination: entity('destination').optional(),
      http: http.optional(),
      metadata: object(
        { annotations: labels('Remarks that travel with the rule').optional() },
        'Remarks; they change nothing',
      ).optional(),
    },
    'A rule: everything that it says must hold',
    DIRECTION_RULES[direction],
  );
  const which = direction === 'ingress' ? 'to the selected endpoints' : 'from the selected endpoints';
  return list(rule, `Rules for traffic ${which}; the first that matches decides`, { max: 1_024 }).optional();
}
