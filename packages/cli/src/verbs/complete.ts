import type { Verb } from '../verb.ts';

/** Gives the words that may come next; shells call it, people don't. */
export function completeVerb(verbs: () => readonly Verb[]): Verb {
  return {
    name: '__complete',
    args: '[words...]',
    options: [],
    summary: 'words that may follow, for shells',
    examples: [],
    hidden: true,
    async run(ctx, input) {
      const { candidates } = await import('../completion/candidates.ts');
      for (const { word, summary } of await candidates(ctx, input, verbs()))
        ctx.stdout(summary === '' ? `${word}\n` : `${word}\t${summary}\n`);
      return 0;
    },
  };
}
