import { isIPv4, isIPv6 } from 'node:net';

const LABEL = String.raw`[a-zA-Z0-9\p{S}\p{L}]`;
const HOSTNAME = new RegExp(
  String.raw`^(${LABEL}(-?${LABEL}{0,62})?|(${LABEL}((${LABEL}|-){0,61}${LABEL})?\.)+[a-zA-Z\p{L}]{2,63})$`,
  'u',
);
const TIME = /^(\d\d):(\d\d):(\d\d)(\.\d+)?(z|[+-]\d\d:\d\d)$/i;
const GO_DURATION = /^[+-]?(0|((\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h))+)$/;

/** Units of a duration as `22 seconds` says them; the last spelling of each is the beginning of longer ones. */
const UNITS: readonly (readonly [milliseconds: number, spellings: readonly string[]])[] = [
  [1e-6, ['ns', 'nano']],
  [1e-3, ['us', 'µs', 'micro']],
  [1, ['ms', 'milli']],
  [1000, ['s', 'sec']],
  [60_000, ['m', 'min']],
  [3_600_000, ['h', 'hr', 'hour']],
  [86_400_000, ['d', 'day']],
  [604_800_000, ['w', 'wk', 'week']],
];

/** Milliseconds of a duration of Go or Scala (kube-openapi, strfmt); undefined for anything else. */
export function millisecondsOf(text: string): number | undefined {
  if (GO_DURATION.test(text)) {
    const sign = text.startsWith('-') ? -1 : 1;
    const parts = [...text.matchAll(/([\d.]+)(ns|us|µs|μs|ms|s|m|h)/g)];
    return (
      sign * parts.reduce((sum, [, count, unit]) => sum + Number(count) * (unitOf(unit as string) ?? 0), 0)
    );
  }
  let found: number | undefined;
  for (const [, count, unit] of text.matchAll(/(\d+)\s*([A-Za-zµ]+)/g)) {
    const factor = unitOf((unit as string).toLowerCase());
    if (factor !== undefined) found = (found ?? 0) + Number(count) * factor;
  }
  return found;
}

function unitOf(unit: string): number | undefined {
  const plain = unit.replace('μ', 'µ');
  const exact = UNITS.find(([, spellings]) => spellings.includes(plain));
  return (exact ?? UNITS.find(([, spellings]) => plain.startsWith(spellings.at(-1) as string)))?.[0];
}

/** Leading zeros count as decimal here, and an address has no zone (k8s.io/utils/net, the sloppy parsers). */
function isSloppyV4(text: string): boolean {
  return isIPv4(text.replace(/(^|\.)0+(?=\d)/g, '$1'));
}
const isV6 = (text: string) => isIPv6(text) && !text.includes('%');

function isCidr(text: string): boolean {
  const [, address = '', length = ''] = /^([^/]*)\/(\d+)$/.exec(text) ?? [];
  if (isSloppyV4(address)) return Number(length) <= 32;
  return isV6(address) && length !== '' && Number(length) <= 128;
}

function isMac(text: string): boolean {
  const octets = (count: number) => `[0-9a-f]{2}(?:([:-])[0-9a-f]{2})(?:\\1[0-9a-f]{2}){${count - 2}}`;
  const words = (count: number) => `[0-9a-f]{4}(?:\\.[0-9a-f]{4}){${count - 1}}`;
  return [6, 8, 20].some(count => new RegExp(`^(?:${octets(count)}|${words(count / 2)})$`, 'i').test(text));
}

function isDate(text: string): boolean {
  if (!/^\d{4}-\d\d-\d\d$/.test(text)) return false;
  const date = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
}

function isDateTime(text: string): boolean {
  const [day = '', time = ''] = text.toLowerCase().split('t');
  const [, hours = '99', minutes = '99', seconds = '99'] = TIME.exec(time) ?? [];
  return isDate(day) && hours <= '23' && minutes <= '59' && seconds <= '59';
}

const uuid = (third: string, fourth: string) =>
  new RegExp(`^[0-9a-f]{8}-?[0-9a-f]{4}-?${third}-?${fourth}-?[0-9a-f]{12}$`, 'i');
const ANY = '[0-9a-f]{4}';
const VARIANT = '[89ab][0-9a-f]{3}';

/** The string formats that apiextensions enforces; any other format is only documentation. */
const FORMATS: Readonly<Record<string, (text: string) => boolean>> = {
  ipv4: text => text.includes('.') && (isSloppyV4(text) || isV6(text)),
  ipv6: isV6,
  cidr: isCidr,
  mac: isMac,
  uuid: text => uuid(ANY, ANY).test(text),
  uuid3: text => uuid('3[0-9a-f]{3}', ANY).test(text),
  uuid4: text => uuid('4[0-9a-f]{3}', VARIANT).test(text),
  uuid5: text => uuid('5[0-9a-f]{3}', VARIANT).test(text),
  uri: text => (URL.canParse(text) && !/\s/.test(text)) || text.startsWith('/'),
  email: text => /^([^@<>]*<)?[^@\s<>]+@[^@\s<>]+>?$/.test(text),
  hostname: text =>
    text.length <= 255 && HOSTNAME.test(text) && text.split('.').every(part => part.length <= 63),
  byte: text => text !== '' && /^[A-Za-z0-9+/]*={0,2}$/.test(text) && text.length % 4 === 0,
  password: () => true,
  date: isDate,
  datetime: isDateTime,
  duration: text => millisecondsOf(text) !== undefined,
  'k8s-short-name': text => text.length <= 63 && /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(text),
  'k8s-long-name': text =>
    text.length <= 253 && /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(text),
};

const NUMBERS: Readonly<Record<string, readonly string[]>> = {
  integer: ['int32', 'int64'],
  number: ['float', 'double'],
};

/** The format that is enforced at a type; '' for one that nobody enforces. */
export function enforcedFormat(type: string | undefined, format: string | undefined): string {
  if (format === undefined) return '';
  if (type === 'integer' || type === 'number') return NUMBERS[type]?.includes(format) ? format : '';
  const name = format === 'date-time' ? 'datetime' : format;
  return (type === undefined || type === 'string') && FORMATS[name] !== undefined ? format : '';
}

/** Whether `text` is of the format; true for a format that nobody enforces. */
export function hasFormat(text: string, format: string): boolean {
  return FORMATS[format === 'date-time' ? 'datetime' : format]?.(text) ?? true;
}
