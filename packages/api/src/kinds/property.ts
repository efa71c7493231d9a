import * as z from 'zod';

/** What a property's schema says besides its type. All of it ends in the CRD, `usual` in its description. */
interface Notes {
  readonly description: string;
  /** What absence means, when the CRD does not fill it in. */
  readonly usual?: string;
}

/** A CEL rule on `self` (apiextensions/v1 ValidationRule). */
export interface CelRule {
  readonly rule: string;
  readonly message: string;
}

interface TextOptions {
  readonly usual?: string;
  readonly max?: number;
  readonly min?: number;
  /** In the common part of RE2 and JavaScript. */
  readonly pattern?: string;
  readonly format?: string;
  readonly rules?: readonly CelRule[];
}

function notes(description: string, usual: string | undefined, rules?: readonly CelRule[]) {
  return {
    description,
    ...(usual !== undefined && { usual }),
    ...(rules !== undefined && { 'x-kubernetes-validations': rules }),
  } satisfies Notes & Record<string, unknown>;
}

export function text(description: string, options: TextOptions = {}) {
  const { usual, max, min, pattern, format, rules } = options;
  let schema = z.string();
  if (min !== undefined) schema = schema.min(min);
  if (max !== undefined) schema = schema.max(max);
  if (pattern !== undefined) schema = schema.regex(new RegExp(pattern, 'u'));
  return schema.meta({ ...notes(description, usual, rules), ...(format !== undefined && { format }) });
}

export function flag(description: string, usual?: string) {
  return z.boolean().meta(notes(description, usual));
}

export function choice<const T extends readonly string[]>(choices: T, description: string, usual?: string) {
  return z.enum(choices).meta(notes(description, usual));
}

interface NumberOptions {
  readonly usual?: string;
  readonly least?: number;
  readonly most?: number;
  readonly format?: 'int32' | 'int64';
  readonly rules?: readonly CelRule[];
}

export function integer(description: string, options: NumberOptions = {}) {
  const { usual, least, most, format, rules } = options;
  let schema = z.int();
  if (least !== undefined) schema = schema.min(least);
  if (most !== undefined) schema = schema.max(most);
  return schema.meta({ ...notes(description, usual, rules), ...(format !== undefined && { format }) });
}

export function number(description: string, usual?: string) {
  return z.number().meta(notes(description, usual));
}

/** A number or a text, such as a port or its name. */
export function intOrString(description: string, usual?: string) {
  return z
    .union([z.int(), z.string()])
    .meta({ ...notes(description, usual), 'x-kubernetes-int-or-string': true, pattern: '^.*' });
}

interface ListOptions {
  readonly usual?: string;
  readonly min?: number;
  readonly max?: number;
  readonly type?: 'set' | 'atomic';
  readonly mapKeys?: readonly string[];
}

export function list<T extends z.ZodType>(item: T, description: string, options: ListOptions = {}) {
  const { usual, min, max, type, mapKeys } = options;
  let schema = z.array(item);
  if (min !== undefined) schema = schema.min(min);
  if (max !== undefined) schema = schema.max(max);
  return schema.meta({
    ...notes(description, usual),
    ...(type !== undefined && { 'x-kubernetes-list-type': type }),
    ...(mapKeys !== undefined && { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': mapKeys }),
  });
}

export function texts(description: string, options: ListOptions = {}) {
  return list(z.string(), description, options);
}

export function map<T extends z.ZodType>(value: T, description: string, usual?: string) {
  return z.record(z.string(), value).meta(notes(description, usual));
}

export function labels(description: string) {
  return map(z.string(), description);
}

export function object<T extends z.ZodRawShape>(shape: T, description: string, rules?: readonly CelRule[]) {
  return z.object(shape).meta(notes(description, undefined, rules));
}

/** An object of which exactly one property is given. Counted by the schema: a CEL rule in a list without bound would cost too much. */
export function oneOf<T extends z.ZodRawShape>(shape: T, description: string) {
  return z
    .object(shape)
    .refine(value => Object.values(value).filter(part => part !== undefined).length === 1)
    .meta({ description, minProperties: 1, maxProperties: 1 });
}

/** An AS number. The bound is the protocol's (RFC 6793): Calico's `int32` would refuse the private range above 2^31. */
export function asNumber(description: string, usual?: string) {
  const options = { least: 0, most: 4_294_967_295, format: 'int64' } as const;
  return integer(description, usual === undefined ? options : { ...options, usual });
}

/** A duration such as `90s` (Go's notation), kept as it is written. */
export function duration(description: string, usual?: string) {
  return text(description, usual === undefined ? {} : { usual });
}

/** A prefix, checked by the API server. */
export function cidr(description: string, options: TextOptions = {}) {
  return text(description, { ...options, format: 'cidr' });
}

/** A selector in Calico's language. */
export function selector(description: string, usual?: string) {
  return text(description, usual === undefined ? { max: 1_024 } : { max: 1_024, usual });
}

/** A text that is one of these whatever the case, as Calico's older fields are, or empty. */
export function anyCase(choices: readonly string[], description: string, usual?: string) {
  const pattern = `^(?i:(${choices.join('|')})?)$`;
  return text(description, usual === undefined ? { pattern } : { pattern, usual });
}
