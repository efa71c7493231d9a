import type { Any, Question, RawAnswer } from './question.ts';

/** An answer without what no two servers share: times, uids, revisions, tokens. Only what is there is written. */
export interface Answer {
  readonly code: number;
  /** Of a 422 in the usual words: the object that is invalid. The causes say why. */
  readonly invalid?: string;
  readonly reason?: string;
  readonly message?: string;
  /** `field: message (reason)`, `^` for the field again, sorted: servers of Go tell them in any order. */
  readonly causes?: readonly string[];
  readonly details?: Any;
  readonly warnings?: readonly string[];
  /** What is neither a Status nor JSON. */
  readonly text?: string;
  readonly contentType?: string;
  readonly object?: Any;
  readonly events?: readonly Any[];
}

/** Gives revisions names in the order in which they are first seen. */
export class Names {
  readonly #names = new Map<string, string>();

  of(revision: string): string {
    const name = this.#names.get(revision) ?? `<rv${this.#names.size + 1}>`;
    this.#names.set(revision, name);
    return name;
  }
}

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;

/** What can be compared of an answer. */
export function answerOf(question: Question, raw: RawAnswer, sent: unknown, names: Names): Answer {
  const { code } = raw;
  const body = withoutChance(raw.body, sent);
  const warnings = raw.warnings.length === 0 ? {} : { warnings: [...raw.warnings].sort() };
  if (raw.events !== undefined) {
    return { code, ...warnings, events: raw.events.map(event => tidy(event, question, names)) };
  }
  if (body === undefined) {
    return { code, ...warnings, contentType: raw.contentType, text: plain(raw.text.trim()) };
  }
  if (body.kind === 'Status' && body.apiVersion === 'v1' && body.status !== 'Success') {
    return { code, ...faultOf(body, names), ...warnings };
  }
  const object = tidy(body, question, names);
  const type = raw.contentType === 'application/json' ? {} : { contentType: raw.contentType };
  if (question.brief !== true) return { code, ...warnings, ...type, object };
  const added = difference(object.spec, (sent as Any)?.spec);
  return { code, ...warnings, ...type, ...(added !== undefined && { object: added }) };
}

function faultOf(body: Any, names: Names): Omit<Answer, 'code'> {
  const { causes = [], ...details } = body.details ?? {};
  const lines: string[] = causes.map((cause: Any) => `${cause.field}: ${cause.message}`).sort();
  const message = plain(sortedMessage(body.message, lines));
  const told = causes.map(causeLine).sort();
  const { kind, group, name = '', ...rest } = details;
  const who = `${kind}.${group} ${JSON.stringify(name)}`;
  if (
    body.reason === 'Invalid' &&
    message === `${who} is invalid: <causes>` &&
    Object.keys(rest).length === 0
  )
    return { invalid: who, causes: told };
  return {
    ...(body.reason !== undefined && { reason: body.reason }),
    message,
    ...(told.length > 0 && { causes: told }),
    ...(Object.keys(details).length > 0 && { details: tidy(details, { say: '', path: '' }, names) }),
  };
}

const UNCHECKED =
  '<nil>: Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing ' +
  'errors to complete validation (FieldValueInvalid)';

function causeLine({ field = '', message, reason }: Any): string {
  const said = message.replace(`${field} in body `, '^ ');
  const line = plain(`${field}: ${said} (${reason})`);
  return line === UNCHECKED ? '<rules unchecked>' : line;
}

/** `Kind "x" is invalid: [b, a]` with its parts in order; they are the causes, told again. */
function sortedMessage(message: string, lines: readonly string[]): string {
  const [, head, parts] = /^(.* is invalid: )\[?(.*?)\]?$/s.exec(message) ?? [];
  if (head === undefined || parts === undefined) return message;
  const told = [...new Set(lines)];
  const same = told.reduce((rest, line) => rest.replace(line, ''), parts);
  return /^(, )*$/.test(same) ? `${head}<causes>` : message;
}

function plain(text: string): string {
  return text
    .replace(UUID, '<uid>')
    .replace(
      /(resource version: |current: |version: \d+ \(|in record \()(\d+)/g,
      (_, before, rv) => `${before}${rv.length > 5 ? '<far>' : '<rv>'}`,
    )
    .replace(/\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S*( [+-]\d{4} \w+)?( m=\S+)?/g, '<time>');
}

/** The five letters that a server adds to a generateName are told by none. */
function withoutChance(body: Any, sent: Any): Any {
  const stem = sent?.metadata?.generateName;
  if (typeof stem !== 'string' || sent.metadata.name !== undefined || body === undefined) return body;
  const made = new RegExp(`${stem.slice(0, 58)}[bcdfghjklmnpqrstvwxz2456789]{5}(?![\\w-])`, 'g');
  return JSON.parse(JSON.stringify(body).replace(made, `${stem.slice(0, 58)}?????`));
}

/** JSON with names for what differs from server to server. */
function tidy(value: Any, question: Question, names: Names, key = ''): Any {
  if (typeof value === 'string') {
    if (key === 'resourceVersion') return value === '' ? '' : names.of(value);
    if (key === 'uid') return '<uid>';
    if (key === 'continue') return value === '' ? '' : '<continue>';
    if (key === 'storageVersionHash') return '<hash>';
    if (TIME.test(value)) return '<time>';
    return plain(value);
  }
  if (Array.isArray(value)) {
    if (key === 'cells') return value.map(cell => (/^(\d+[smhd])+$/.test(cell) ? '<age>' : cell));
    const items = value.map((item, i) =>
      tidy(item, question, names, key === 'columnDefinitions' ? `${key}[${i}]` : ''),
    );
    // Resources are discovered in the order in which their definitions were met.
    return key === 'resources' ? items.sort((a, b) => (a.name < b.name ? -1 : 1)) : items;
  }
  if (typeof value !== 'object' || value === null) return value;
  // The descriptions of the columns Name and Age are pages of documentation.
  if (
    key.startsWith('columnDefinitions[') &&
    /^(Name must|CreationTimestamp is|Time since)/.test(value.description)
  )
    return { ...value, description: '<documentation>' };
  const fields = Object.entries(value)
    .filter(([name]) => name !== 'managedFields' || question.managed === true)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, child]) => [name, tidy(child, question, names, name)]);
  return Object.fromEntries(fields);
}

/** What `after` has that `before` has not, and `null` for what it lost; undefined when they are alike. */
function difference(after: Any, before: Any): Any {
  if (JSON.stringify(after) === JSON.stringify(before)) return undefined;
  const open = (value: Any) => typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!open(after) || !open(before)) return after === undefined ? null : after;
  const names = [...new Set([...Object.keys(after), ...Object.keys(before)])].sort();
  const parts = names.flatMap(name => {
    const part = difference(after[name], before[name]);
    return part === undefined ? [] : [[name, part]];
  });
  return parts.length === 0 ? undefined : Object.fromEntries(parts);
}
