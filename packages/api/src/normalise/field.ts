import type { ObjectRef } from '../model/policy.ts';
import type { Finding } from '../model/snapshot.ts';

/** Errors, and warnings, that are told about one object; nobody reads more, and a hostile object could have millions. */
const MAX_FINDINGS = 100;

/** Gathers what is wrong with one object, each thing once. */
export class Report {
  readonly object: ObjectRef;
  readonly findings: Finding[] = [];
  readonly #said = new Set<string>();
  readonly #count = { error: 0, warning: 0 };
  /** Whether the whole object must be treated as absent. */
  failed = false;

  constructor(object: ObjectRef) {
    this.object = object;
  }

  note(severity: Finding['severity'], path: string, message: string): void {
    const text = `${path} ${message}`;
    if (this.#said.has(text) || this.#count[severity]++ >= MAX_FINDINGS) return;
    this.#said.add(text);
    this.findings.push({ object: this.object, path, severity, message });
  }
}

/**
 * A place in an object that nobody has checked yet. Reading a part that is absent or null gives undefined; reading
 * one of the wrong shape gives undefined too, and a finding that makes the object invalid.
 */
export class Field {
  readonly value: unknown;
  /** As in `spec.ingress[0].from[1]`. */
  readonly path: string;
  readonly report: Report;

  constructor(value: unknown, path: string, report: Report) {
    this.value = value ?? undefined;
    this.path = path;
    this.report = report;
  }

  /** Whether something other than null is written here. */
  get present(): boolean {
    return this.value !== undefined;
  }

  /** The part of this name. */
  at(key: string): Field {
    const path = /^[A-Za-z0-9_]+$/.test(key)
      ? this.path === ''
        ? key
        : `${this.path}.${key}`
      : `${this.path}[${key}]`;
    if (!this.present) return new Field(undefined, path, this.report);
    if (!isRecord(this.value)) {
      this.invalid('must be an object');
      return new Field(undefined, path, this.report);
    }
    return new Field(Object.hasOwn(this.value, key) ? this.value[key] : undefined, path, this.report);
  }

  /** The names of the parts that are present. */
  keys(): readonly string[] {
    if (!this.present) return [];
    if (!isRecord(this.value)) {
      this.invalid('must be an object');
      return [];
    }
    const record = this.value;
    return Object.keys(record).filter(key => record[key] !== null && record[key] !== undefined);
  }

  /** Whether there are parts of other names, each with a finding: a rule without them would mean more than was written. */
  strange(known: readonly string[]): boolean {
    const others = this.keys().filter(key => !known.includes(key));
    for (const key of others)
      this.at(key).unhonoured(
        'is not supported; a rule that allows matches nothing with it, one that denies ignores it',
      );
    return others.length > 0;
  }

  /** The items of a list; none when absent. */
  items(): readonly Field[] {
    if (!this.present) return [];
    if (!Array.isArray(this.value)) {
      this.invalid('must be a list');
      return [];
    }
    return this.value.map((item, index) => new Field(item, `${this.path}[${index}]`, this.report));
  }

  text(): string | undefined {
    if (!this.present || typeof this.value === 'string') return this.value as string | undefined;
    return this.invalid('must be a string');
  }

  flag(): boolean | undefined {
    if (!this.present || typeof this.value === 'boolean') return this.value as boolean | undefined;
    return this.invalid('must be true or false');
  }

  number(): number | undefined {
    if (!this.present || Number.isFinite(this.value)) return this.value as number | undefined;
    return this.invalid('must be a number');
  }

  integer(least: number, most: number): number | undefined {
    const value = this.number();
    if (value === undefined || (Number.isInteger(value) && value >= least && value <= most)) return value;
    return this.invalid(`must be a whole number from ${least} to ${most}`);
  }

  oneOf<const T extends string>(choices: readonly T[]): T | undefined {
    if (!this.present) return undefined;
    const found = choices.find(choice => choice === this.value);
    return found ?? this.invalid(`must be ${listed(choices)}, not ${shown(this.value)}`);
  }

  /** A map of strings, such as labels. */
  texts(): ReadonlyMap<string, string> {
    const map = new Map<string, string>();
    for (const key of this.keys()) {
      const text = this.at(key).text();
      if (text !== undefined) map.set(key, text);
    }
    return map;
  }

  /** The object is not in effect because of this. */
  invalid(message: string): undefined {
    this.report.failed = true;
    this.report.note('error', this.path, message);
  }

  /** This part is not in effect; the rest of the object is. */
  unhonoured(message: string): undefined {
    this.report.note('error', this.path, message);
  }

  /** In effect, but look at it. */
  warn(message: string): undefined {
    this.report.note('warning', this.path, message);
  }
}

/** Whether a value is a JSON object. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A value as people would write it, cut short. What has parts is not written out: it may be of any depth. */
export function shown(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (isRecord(value)) return 'an object';
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

function listed(all: readonly string[]): string {
  const choices = all.filter(choice => choice !== '');
  return choices.length < 2 ? `${choices[0]}` : `${choices.slice(0, -1).join(', ')} or ${choices.at(-1)}`;
}
