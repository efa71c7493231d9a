import { isIPv4, isIPv6 } from 'node:net';
import { parsePrefix } from '@muslin/net';

const HOSTNAME =
  /^([a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)(\.[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$/;
const DATE_TIME = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;
const DURATION = /^[+-]?((\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h|d|w))+$/;

/** The string formats that apiextensions enforces; any other format is only documentation. */
const FORMATS: Readonly<Record<string, (text: string) => boolean>> = {
  ipv4: text => isIPv4(text),
  ipv6: text => isIPv6(text),
  cidr: text => parsePrefix(text).ok,
  mac: text => /^([0-9a-fA-F]{2}([:-])){5}[0-9a-fA-F]{2}$/.test(text),
  uuid: text => /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i.test(text),
  uri: text => URL.canParse(text) || text.startsWith('/'),
  email: text => /^[^@\s]+@[^@\s]+$/.test(text),
  hostname: text => text.length <= 253 && HOSTNAME.test(text),
  byte: text => /^[A-Za-z0-9+/]*={0,2}$/.test(text) && text.length % 4 === 0,
  date: text => /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text)),
  'date-time': text => DATE_TIME.test(text) && !Number.isNaN(Date.parse(text)),
  datetime: text => DATE_TIME.test(text) && !Number.isNaN(Date.parse(text)),
  duration: text => text === '0' || DURATION.test(text),
};

/** Whether `text` is of the format; true for a format that nobody enforces. */
export function hasFormat(text: string, format: string): boolean {
  return FORMATS[format]?.(text) ?? true;
}
