/** Compares a grid with its golden text: one line per cell. */
export function gridLines<S, E>(
  states: readonly (readonly [string, S])[],
  events: readonly (readonly [string, E])[],
  show: (state: S, event: E) => string,
): string {
  return states
    .map(([state, s]) =>
      [`${state}`, ...events.map(([event, e]) => `  ${event.padEnd(22)} ${show(s, e)}`)].join('\n'),
    )
    .join('\n');
}
