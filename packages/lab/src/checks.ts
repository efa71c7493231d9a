/** One promise of the lab, what was expected, and what was seen. */
export interface Check {
  readonly name: string;
  readonly expected: string;
  readonly seen: string;
  readonly ok: boolean;
  /** Milliseconds since the lab started. */
  readonly atMs: number;
}

/** Collects checks and shows progress. Text goes to people; with `json` nothing is printed until the end. */
export class Report {
  readonly checks: Check[] = [];
  readonly #started = performance.now();
  readonly #write: (text: string) => void;
  readonly colour: boolean;
  #stepStart = performance.now();

  constructor(write: (text: string) => void, colour: boolean) {
    this.#write = write;
    this.colour = colour;
  }

  /** Milliseconds since the lab started. */
  get elapsedMs(): number {
    return performance.now() - this.#started;
  }

  get ok(): boolean {
    return this.checks.every(check => check.ok);
  }

  /** Begins a step; `done` prints it with the time it took. */
  step(): void {
    this.#stepStart = performance.now();
  }

  done(what: string): void {
    const ms = performance.now() - this.#stepStart;
    this.#write(`${this.#paint('32', '✓')} ${what} ${this.#paint('2', `${Math.round(ms)} ms`)}\n`);
    this.#stepStart = performance.now();
  }

  /** Records a check; prints it. Returns whether it held. */
  check(name: string, expected: string, seen: string, ok: boolean): boolean {
    this.checks.push({ name, expected, seen, ok, atMs: Math.round(this.elapsedMs) });
    const mark = ok ? this.#paint('32', '✓') : this.#paint('31', '✗');
    const detail = ok ? this.#paint('2', seen) : `expected ${expected}, saw ${seen}`;
    this.#write(`${mark} ${name} ${detail}\n`);
    return ok;
  }

  say(text: string): void {
    this.#write(`${text}\n`);
  }

  heading(text: string): void {
    this.#write(`\n${this.#paint('1', text)}\n`);
  }

  #paint(code: string, text: string): string {
    return this.colour ? `\x1b[${code}m${text}\x1b[0m` : text;
  }
}
