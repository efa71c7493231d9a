import { fieldRequired, fieldUnsupported } from '../field-error.ts';
import { at, listAt, textAt } from '../json.ts';
import type { KubeObject } from '../kube-object.ts';
import { listOf, shape, withDefault } from '../schema/shape.ts';
import { objectReference, objectSchema } from './common-schema.ts';
import { AGE_COLUMN, builtIn, NAME_COLUMN } from './kind.ts';

const FAMILIES = ['IPv4', 'IPv6', 'FQDN'];

/** Long lists are cut after three, as kubectl shows them. */
function firstThree(texts: readonly string[]): string {
  if (texts.length === 0) return '<unset>';
  return texts.length > 3 ? `${texts.slice(0, 3).join(',')} + ${texts.length - 3} more...` : texts.join(',');
}

/** EndpointSlice discovery.k8s.io/v1. */
export const endpointSlice = builtIn({
  group: 'discovery.k8s.io',
  kind: 'EndpointSlice',
  plural: 'endpointslices',
  hasGeneration: true,
  schema: objectSchema('EndpointSlice represents a set of service endpoints.', {
    addressType: 'string',
    endpoints: listOf(
      shape({
        addresses: 'string[]',
        conditions: shape({ ready: 'bool', serving: 'bool', terminating: 'bool' }),
        hostname: 'string',
        targetRef: objectReference,
        deprecatedTopology: 'map',
        nodeName: 'string',
        zone: 'string',
        hints: shape({
          forZones: listOf(shape({ 'name!': 'string' })),
          forNodes: listOf(shape({ 'name!': 'string' })),
        }),
      }),
      { 'x-muslin-keep-empty': true },
    ),
    ports: listOf(
      shape({
        name: withDefault({ type: 'string' }, ''),
        protocol: withDefault({ type: 'string' }, 'TCP'),
        port: 'int32',
        appProtocol: 'string',
      }),
    ),
  }),
  columns: [
    NAME_COLUMN,
    { name: 'AddressType', type: 'string', read: object => textAt(object, 'addressType') },
    {
      name: 'Ports',
      type: 'string',
      read: object => firstThree(listAt(object, 'ports').map(port => String(at(port, 'port') ?? '*'))),
    },
    {
      name: 'Endpoints',
      type: 'string',
      read: object =>
        firstThree(listAt(object, 'endpoints').flatMap(item => listAt(item, 'addresses').map(String))),
    },
    AGE_COLUMN,
  ],
  strategy: {
    complete: (object: KubeObject) => ({ ...object, endpoints: listAt(object, 'endpoints') }),
    validate: object => {
      const type = textAt(object, 'addressType');
      if (type === '') return [fieldRequired('addressType')];
      return FAMILIES.includes(type) ? [] : [fieldUnsupported('addressType', type, FAMILIES)];
    },
    validateUpdate: (next, old) =>
      next['addressType'] === old['addressType']
        ? []
        : [
            {
              reason: 'FieldValueInvalid',
              message: `Invalid value: ${JSON.stringify(next['addressType'])}: field is immutable`,
              field: 'addressType',
            },
          ],
  },
});
