import { OUTPUT, OUTPUT_DATA } from '../options.ts';
import type { VerbOption } from '../verb.ts';

/** For verbs that ask the whole cluster unless told otherwise. */
export const LOCAL: VerbOption = {
  flags: '--socket [path]',
  summary: 'ask the speaker of this node on its socket, not the API',
};

/** For verbs that ask this node unless told otherwise. */
export const SOCKET: VerbOption = {
  flags: '--socket <path>',
  summary: "the speaker's socket (default: $MUSLIN_SPEAKER_SOCKET, /run/muslin/speaker.sock)",
};
export const NODE: VerbOption = {
  flags: '--node <name>',
  summary: 'ask the speaker of this node, from anywhere, through the API',
};

export const TABLE_OR_DATA: VerbOption = {
  ...OUTPUT,
  summary: 'json, yaml, or wide for more columns',
  choices: [...(OUTPUT_DATA.choices ?? []), 'wide'],
};
