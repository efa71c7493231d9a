import { dirname, resolve } from 'node:path';
import { fail, ok, type Result } from '@muslin/net';
import type { ConfigFault } from './connection.ts';

class FieldError extends Error {
  readonly fault: ConfigFault;

  constructor(fault: ConfigFault) {
    super(fault.message);
    this.fault = fault;
  }
}

/**
 * A mapping in a config file, which knows the file and the path it stands at, so that every complaint names both.
 * Readers throw inside `Fields.read` and nowhere else; that turns the first complaint into a value.
 */
export class Fields {
  readonly file: string;
  readonly at: string;
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(file: string, at: string, value: unknown) {
    this.file = file;
    this.at = at;
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new FieldError({
        code: 'bad-field',
        file,
        field: at,
        message: `${file}: ${at === '' ? 'the file' : at} must be a mapping`,
      });
    this.#values = value as Record<string, unknown>;
  }

  /** Runs readers and returns their result, or the first complaint. */
  static read<T>(body: () => T): Result<T, ConfigFault> {
    try {
      return ok(body());
    } catch (error) {
      if (error instanceof FieldError) return fail(error.fault);
      throw error;
    }
  }

  fault(code: ConfigFault['code'], name: string, why: string): Error {
    const field = this.#path(name);
    return new FieldError({ code, file: this.file, field, message: `${this.file}: ${field} ${why}` });
  }

  has(name: string): boolean {
    return this.#values[name] !== undefined && this.#values[name] !== null;
  }

  /** A text, or undefined when absent. */
  text(name: string): string | undefined {
    const value = this.#values[name];
    if (value === undefined || value === null) return undefined;
    if (typeof value !== 'string') throw this.fault('bad-field', name, 'must be a text');
    return value;
  }

  /** A text that is there. */
  must(name: string): string {
    const value = this.text(name);
    if (value === undefined || value === '') throw this.fault('missing-field', name, 'is missing');
    return value;
  }

  flag(name: string): boolean {
    const value = this.#values[name] ?? false;
    if (typeof value !== 'boolean') throw this.fault('bad-field', name, 'must be true or false');
    return value;
  }

  /** An http(s) URL without user, query and trailing slash. */
  url(name: string): string {
    const text = this.must(name);
    const url = URL.parse(text);
    if (url === null || !/^https?:$/.test(url.protocol))
      throw this.fault('bad-field', name, 'must be a URL such as https://10.0.0.1:6443');
    if (url.username !== '' || url.password !== '')
      throw this.fault('bad-field', name, 'must not hold a user or password: write them under users');
    return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
  }

  list(name: string): Fields[] {
    const value = this.#values[name] ?? [];
    if (!Array.isArray(value)) throw this.fault('bad-field', name, 'must be a list');
    return value.map((entry, i) => new Fields(this.file, `${this.#path(name)}[${i}]`, entry));
  }

  texts(name: string): string[] {
    const value = this.#values[name] ?? [];
    if (!Array.isArray(value) || value.some(entry => typeof entry !== 'string'))
      throw this.fault('bad-field', name, 'must be a list of texts');
    return value as string[];
  }

  sub(name: string): Fields {
    return new Fields(this.file, this.#path(name), this.#values[name]);
  }

  /** A path as written in this file, made absolute. */
  path(text: string): string {
    return resolve(dirname(this.file), text);
  }

  #path(name: string): string {
    return this.at === '' ? name : `${this.at}.${name}`;
  }
}
