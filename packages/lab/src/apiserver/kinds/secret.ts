import { fieldInvalid } from '../field-error.ts';
import { isObject, objectAt } from '../json.ts';
import { objectSchema } from './common-schema.ts';
import { binary, isConfigKey, KEY_RULE } from './config-map.ts';
import { AGE_COLUMN, builtIn, NAME_COLUMN } from './kind.ts';

/** Secret v1: stringData is written into data, in base64. */
export const secret = builtIn({
  kind: 'Secret',
  plural: 'secrets',
  schema: objectSchema('Secret holds secret data of a certain type.', {
    data: binary,
    stringData: 'map',
    immutable: 'bool',
    type: { type: 'string', default: 'Opaque' },
  }),
  selectable: { type: object => (typeof object['type'] === 'string' ? object['type'] : '') },
  columns: [
    NAME_COLUMN,
    { name: 'Type', type: 'string', read: object => object['type'] ?? '' },
    { name: 'Data', type: 'string', read: object => Object.keys(objectAt(object, 'data')).length },
    AGE_COLUMN,
  ],
  strategy: {
    complete: object => {
      const { stringData, ...rest } = object;
      if (!isObject(stringData)) return object;
      const encoded = Object.entries(stringData).map(([key, value]) => [
        key,
        Buffer.from(String(value)).toString('base64'),
      ]);
      return {
        ...rest,
        metadata: object.metadata,
        data: { ...objectAt(object, 'data'), ...Object.fromEntries(encoded) },
      };
    },
    validate: object =>
      Object.keys(objectAt(object, 'data')).flatMap(key =>
        isConfigKey(key) ? [] : [fieldInvalid(`data[${key}]`, key, KEY_RULE)],
      ),
    validateUpdate: (next, old) =>
      next['type'] === old['type'] ? [] : [fieldInvalid('type', next['type'], 'field is immutable')],
  },
});
