import { fieldInvalid } from '../field-error.ts';
import { isObject, objectAt } from '../json.ts';
import { objectSchema } from './common-schema.ts';
import { AGE_COLUMN, builtIn, NAME_COLUMN } from './kind.ts';

const KEY = /^[-._a-zA-Z0-9]+$/;
export const KEY_RULE =
  "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  " +
  "or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";

/** Whether the text may name an entry of a ConfigMap or Secret. */
export function isConfigKey(text: string): boolean {
  return text.length <= 253 && KEY.test(text);
}

/** A map of base64 texts. */
export const binary = { type: 'object', additionalProperties: { type: 'string', format: 'byte' } };

/** ConfigMap v1. */
export const configMap = builtIn({
  kind: 'ConfigMap',
  plural: 'configmaps',
  shortNames: ['cm'],
  schema: objectSchema('ConfigMap holds configuration data for pods to consume.', {
    data: 'map',
    binaryData: binary,
    immutable: 'bool',
  }),
  columns: [
    NAME_COLUMN,
    {
      name: 'Data',
      type: 'string',
      read: object =>
        Object.keys(objectAt(object, 'data')).length + Object.keys(objectAt(object, 'binaryData')).length,
    },
    AGE_COLUMN,
  ],
  strategy: {
    validate: object =>
      ['data', 'binaryData'].flatMap(field =>
        Object.keys(isObject(object[field]) ? object[field] : {}).flatMap(key =>
          isConfigKey(key) ? [] : [fieldInvalid(`${field}[${key}]`, key, KEY_RULE)],
        ),
      ),
    validateUpdate: (next, old) =>
      old['immutable'] === true &&
      JSON.stringify([next['data'], next['binaryData']]) !== JSON.stringify([old['data'], old['binaryData']])
        ? [
            {
              reason: 'FieldValueForbidden',
              message: 'Forbidden: field is immutable when `immutable` is set',
              field: 'data',
            },
          ]
        : [],
  },
});
