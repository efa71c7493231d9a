/** What the harness says on its standard output, a line each. */
export type PhaseLine =
  /** What is timed begins: what the speaker used up so far does not count. */
  | { readonly begin: string }
  /** It is over. `figures` are seconds; without any it was not through within the limit. `fills`: it fills tables. */
  | { readonly end: string; readonly figures: Readonly<Record<string, number>>; readonly fills: boolean };

/** Time for a speaker to come to rest before its CPU is read. */
const REST_MS = 120;

/** Times the phases of a case, and tells whoever watches the speaker where they begin and end. */
export class Phases {
  readonly #limitMs: number;

  constructor(limitS: number) {
    this.#limitMs = limitS * 1000;
  }

  /** Times one thing. What fills the tables is needed for all that follows: when it isn't through in time, nothing does. */
  async time(name: string, work: () => Promise<unknown>, fills = false): Promise<void> {
    await this.run(
      name,
      async () => {
        const started = performance.now();
        await work();
        return { [name]: (performance.now() - started) / 1000 };
      },
      fills,
    );
  }

  /** Runs a phase that has figures of its own. */
  async run(
    name: string,
    work: () => Promise<Readonly<Record<string, number>>>,
    fills = false,
  ): Promise<void> {
    say({ begin: name });
    let limit: NodeJS.Timeout | undefined;
    const over = new Promise<undefined>(resolve => {
      limit = setTimeout(() => resolve(undefined), this.#limitMs);
    });
    const figures = await Promise.race([work(), over]);
    clearTimeout(limit);
    if (figures !== undefined) await new Promise(resolve => setTimeout(resolve, REST_MS));
    say({ end: name, figures: figures ?? {}, fills });
    if (figures === undefined && fills) process.exit(0);
  }
}

function say(line: PhaseLine): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
