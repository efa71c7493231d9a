import { type Answer, answerOf, Names } from './answer.ts';
import type { Any, Question, RawAnswer, Scene, Seen } from './question.ts';
import type { Server } from './server.ts';

const PATIENCE_MS = 10_000;

/** Puts the questions of a scene to a server, one after the other. */
export async function play(scene: Scene, server: Server): Promise<ReadonlyMap<string, Answer>> {
  const names = new Names();
  const bodies = new Map<string, Any>();
  const answers = new Map<string, Answer>();
  const seen: Seen = say => {
    if (!bodies.has(say)) throw new Error(`${scene.name}: nothing was asked as "${say}" before.`);
    return bodies.get(say);
  };
  for (const question of scene.questions) {
    if (answers.has(question.say)) throw new Error(`${scene.name}: "${question.say}" is asked twice.`);
    const path = typeof question.path === 'function' ? question.path(seen) : question.path;
    const body = typeof question.body === 'function' ? question.body(seen) : question.body;
    const raw = await persist(question, path, body, server);
    bodies.set(question.say, raw.body ?? raw.text);
    answers.set(question.say, answerOf(question, raw, body, names));
  }
  return answers;
}

async function persist(question: Question, path: string, body: unknown, server: Server): Promise<RawAnswer> {
  const { method = 'GET', headers = {}, events, until } = question;
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const raw = await server.ask({ method, path, body, headers, events }).catch((cause: Error) => {
      if (Date.now() > end) throw cause;
    });
    // A server that refuses a body may hang up on what is still being sent, or on the next request.
    if (raw === undefined) continue;
    if (until === undefined || raw.code === until || Date.now() > end) return raw;
    await new Promise(resolve => setTimeout(resolve, 20));
  }
}
