import { fail, ok, type Result } from '@muslin/net';
import { ALL, type Selector } from '../model/selector.ts';
import { normalSelector } from './normal-form.ts';

/** Longest accepted text, in UTF-16 units. The CRDs already stop at 1024 where Calico's do. */
export const MAX_SELECTOR_LENGTH = 65_536;
/** Deepest accepted nesting of parentheses. */
export const MAX_SELECTOR_DEPTH = 64;

/** Why a text is no selector, and where (`offset` in UTF-16 units from the start). */
export interface SelectorFault {
  readonly code: 'too-long' | 'too-deep' | 'syntax' | 'global-not-alone';
  readonly text: string;
  readonly offset: number;
  readonly message: string;
}

/**
 * Parses Calico's selector language into the normal form of `Selector` (see `normalSelector`).
 *
 * ```
 * selector  = [ or ]                                  ; nothing means all()
 * or        = and *( "||" and )
 * and       = term *( "&&" term )
 * term      = "!" term / "(" or ")" / "all()" / "global()" / "has(" label ")" / label test
 * test      = ( "==" / "!=" / "contains" / "starts with" / "ends with" ) string
 *           / ( "in" / "not in" ) "{" [ string *( "," string ) ] "}"
 * label     = 1*512( ALPHA / DIGIT / "_" / "." / "/" / "-" )
 * string    = DQUOTE *<not DQUOTE> DQUOTE / "'" *<not "'"> "'"      ; no escapes
 * ```
 * Space and tab separate; `startswith`, `endswith` and `notin` may be written as one word. `global()` must stand alone.
 */
export function parseSelector(text: string): Result<Selector, SelectorFault> {
  if (text.length > MAX_SELECTOR_LENGTH)
    return fail({
      code: 'too-long',
      text: text.slice(0, 64),
      offset: MAX_SELECTOR_LENGTH,
      message: `a selector may have at most ${MAX_SELECTOR_LENGTH} characters; this one has ${text.length}`,
    });
  if (/^[ \t]*$/.test(text)) return ok(ALL);
  if (/^[ \t]*global\([ \t]*\)[ \t]*$/.test(text)) return ok({ op: 'global' });
  const parser = new Parser(text);
  const selector = parser.or(0);
  if (selector !== undefined && !parser.atEnd()) parser.fault('expected "&&", "||" or the end');
  if (parser.found !== undefined) return fail(parser.found);
  return ok(normalSelector(selector as Selector));
}

const SPACE = /[ \t]*/y;
const LABEL = /[A-Za-z0-9_./-]{1,512}(?![A-Za-z0-9_./-])/y;
const STRING = /"([^"]*)"|'([^']*)'/y;
const ALL_CALL = /all\([ \t]*\)/y;
const GLOBAL_CALL = /global\([ \t]*\)/y;
const HAS_CALL = /has\(/y;

/** One row per spelling of a test; order matters where one begins like another. */
const TESTS = [
  { pattern: /==/y, op: 'eq' },
  { pattern: /!=/y, op: 'ne' },
  { pattern: /contains/y, op: 'contains' },
  { pattern: /starts[ \t]*with/y, op: 'startsWith' },
  { pattern: /ends[ \t]*with/y, op: 'endsWith' },
  { pattern: /not[ \t]*in/y, op: 'notIn' },
  { pattern: /in/y, op: 'in' },
] as const;

/** A cursor over the text. Each method returns undefined after noting the first fault in `found`. */
class Parser {
  readonly text: string;
  found: SelectorFault | undefined;
  #at = 0;

  constructor(text: string) {
    this.text = text;
  }

  or(depth: number): Selector | undefined {
    return this.#chain('or', '||', () => this.#chain('and', '&&', () => this.#term(depth)));
  }

  atEnd(): boolean {
    this.#take(SPACE);
    return this.#at === this.text.length;
  }

  fault(what: string, code: SelectorFault['code'] = 'syntax'): undefined {
    const near = this.text.slice(this.#at, this.#at + 24);
    const place = near === '' ? 'at the end' : `at character ${this.#at + 1}, near ${JSON.stringify(near)}`;
    this.found ??= { code, text: this.text, offset: this.#at, message: `selector: ${what} ${place}` };
  }

  #chain(op: 'and' | 'or', sign: string, next: () => Selector | undefined): Selector | undefined {
    const of: Selector[] = [];
    do {
      const operand = next();
      if (operand === undefined) return undefined;
      of.push(operand);
    } while (this.#sign(sign));
    return of.length === 1 ? of[0] : { op, of };
  }

  #term(depth: number): Selector | undefined {
    let negative = false;
    while (this.#sign('!')) negative = !negative;
    const term = this.#positive(depth);
    return term !== undefined && negative ? { op: 'not', of: term } : term;
  }

  #positive(depth: number): Selector | undefined {
    if (this.#sign('(')) {
      if (depth >= MAX_SELECTOR_DEPTH)
        return this.fault(`more than ${MAX_SELECTOR_DEPTH} nested parentheses`, 'too-deep');
      const inner = this.or(depth + 1);
      if (inner === undefined) return undefined;
      return this.#sign(')') ? inner : this.fault('expected ")"');
    }
    if (this.#take(ALL_CALL) !== undefined) return ALL;
    if (this.#take(HAS_CALL) !== undefined) {
      const key = this.#label();
      if (key === undefined) return undefined;
      return this.#sign(')') ? { op: 'has', key } : this.fault('expected ")"');
    }
    if (this.#take(GLOBAL_CALL) !== undefined)
      return this.fault('global() can only stand alone, without other conditions', 'global-not-alone');
    const key = this.#label();
    return key === undefined ? undefined : this.#test(key);
  }

  #test(key: string): Selector | undefined {
    this.#take(SPACE);
    for (const { pattern, op } of TESTS) {
      if (this.#take(pattern) === undefined) continue;
      if (op === 'in' || op === 'notIn') {
        const values = this.#set();
        return values && { op, key, values };
      }
      const value = this.#string();
      return value === undefined ? undefined : { op, key, value };
    }
    return this.fault(
      `after the label ${key} expected ==, !=, in, not in, contains, starts with or ends with`,
    );
  }

  #set(): readonly string[] | undefined {
    if (!this.#sign('{')) return this.fault('expected "{"');
    const values: string[] = [];
    if (this.#sign('}')) return values;
    do {
      const value = this.#string();
      if (value === undefined) return undefined;
      values.push(value);
    } while (this.#sign(','));
    return this.#sign('}') ? values : this.fault('expected "," or "}"');
  }

  #label(): string | undefined {
    this.#take(SPACE);
    return this.#take(LABEL)?.[0] ?? this.fault('expected a label (letters, digits, "_", ".", "/", "-")');
  }

  #string(): string | undefined {
    this.#take(SPACE);
    const match = this.#take(STRING);
    return match === undefined ? this.fault('expected a quoted string') : (match[1] ?? match[2]);
  }

  #sign(sign: string): boolean {
    this.#take(SPACE);
    if (!this.text.startsWith(sign, this.#at)) return false;
    this.#at += sign.length;
    return true;
  }

  #take(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.text);
    if (match === null) return undefined;
    this.#at = pattern.lastIndex;
    return match;
  }
}
