import type { SpeakerProgram } from './speaker-program.ts';
import type { Pages } from './status-socket.ts';

/** RFC 9003 §2: octets of a shutdown message. */
const MOST_TEXT = 255;

/** What the speaker does when it is asked to on its socket. */
export function deedsOf(program: Pick<SpeakerProgram, 'leave'>): Pages {
  return {
    '/v1/leave': async query => {
      const text = query.get('text') ?? undefined;
      if (new TextEncoder().encode(text ?? '').length > MOST_TEXT)
        return { kind: 'mistake', message: `text: a shutdown message has at most ${MOST_TEXT} bytes` };
      return { kind: 'json', value: { left: true, unconfirmed: await program.leave(text) } };
    },
  };
}
