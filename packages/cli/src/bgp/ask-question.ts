import { setTimeout as sleep } from 'node:timers/promises';
import { type AnyObject, type KubeClient, type KubeFault, RESOURCES } from '@muslin/kube';
import { fail, ok, type Result } from '@muslin/net';
import type { Context } from '../context.ts';
import { numberAt, textAt } from '../files/json.ts';
import { connect } from '../live/connect.ts';
import type { Input } from '../verb.ts';
import type { Answer, Question } from './question.ts';

/** Why a node gave no answer; `no-answer` and `not-served`: it may still answer a CalicoNodeStatus. */
export interface QuestionFault {
  readonly code: 'mistake' | 'no-answer' | 'not-served' | 'broken';
  readonly message: string;
}

/** A speaker answers within a second; one that starts, or is cut off, takes longer. */
const PATIENCE_MS = 8_000;
const LOOK_EVERY_MS = 60;
/** A question of somebody else that stays as it is for so long was left behind. */
const LEFT_MS = 3_000;
/** More than these are no answer that anybody reads. */
const MOST_PAGES = 40;

type Asked<T> = Result<T, QuestionFault>;

/** Asks the speaker of a node through the API: makes a BGPQuestion of its name, reads page after page, deletes it again. */
export async function askQuestion(
  ctx: Pick<Context, 'env'>,
  input: Input,
  node: string,
  question: Question,
): Promise<Asked<Answer>> {
  const client = await connect(ctx, input);
  if (!client.ok) return fail({ code: 'broken', message: client.fault });
  try {
    const known = await client.value.get(RESOURCES.Node, { name: node });
    if (!known.ok && known.fault.code === 'NotFound')
      return fail({ code: 'mistake', message: `there is no node ${node}` });
    const made = await make(client.value, node, question);
    if (!made.ok) return made;
    const { uid } = made.value.metadata;
    try {
      return await read(client.value, node, made.value);
    } finally {
      await client.value.delete(RESOURCES.BGPQuestion, { name: node }, uid === undefined ? {} : { uid });
    }
  } finally {
    await client.value.close();
  }
}

/** One node is asked one thing at a time: waits for others, and clears away what nobody waits for any more. */
async function make(client: KubeClient, node: string, spec: Question): Promise<Asked<AnyObject>> {
  const object = { metadata: { name: node }, spec } as AnyObject;
  const end = performance.now() + PATIENCE_MS * 2;
  let before = { version: '', since: 0 };
  while (performance.now() < end) {
    const made = await client.create<AnyObject>(RESOURCES.BGPQuestion, object);
    if (made.ok) return made;
    if (made.fault.code !== 'AlreadyExists') return fail(faultOf(made.fault, node));
    const other = await client.get<AnyObject>(RESOURCES.BGPQuestion, { name: node });
    if (other.ok) {
      const { uid, resourceVersion = '' } = other.value.metadata;
      const version = `${uid} ${resourceVersion}`;
      if (before.version !== version) before = { version, since: performance.now() };
      else if (performance.now() - before.since > LEFT_MS)
        await client.delete(RESOURCES.BGPQuestion, { name: node }, { resourceVersion });
    }
    await sleep(LOOK_EVERY_MS);
  }
  return fail({ code: 'broken', message: `others keep asking node ${node}: try again` });
}

async function read(client: KubeClient, node: string, made: AnyObject): Promise<Asked<Answer>> {
  const pages: unknown[] = [];
  for (let question = made; ; ) {
    const answered = await untilAnswered(client, node, question);
    if (!answered.ok) return answered;
    const mistake = textAt(answered.value, 'status', 'mistake');
    if (mistake !== undefined) return fail({ code: 'mistake', message: mistake });
    pages.push(parse(textAt(answered.value, 'status', 'answer')));
    const more = textAt(answered.value, 'status', 'more');
    if (more === undefined) return ok(joined(pages, undefined));
    if (pages.length === MOST_PAGES) return ok(joined(pages, more));
    const body = { spec: { after: more } };
    const next = await client.patch<AnyObject>(
      RESOURCES.BGPQuestion,
      { name: node },
      { type: 'merge', body },
    );
    if (!next.ok) return fail(faultOf(next.fault, node));
    question = next.value;
  }
}

async function untilAnswered(
  client: KubeClient,
  node: string,
  { metadata }: AnyObject,
): Promise<Asked<AnyObject>> {
  const end = performance.now() + PATIENCE_MS;
  while (performance.now() < end) {
    const seen = await client.get<AnyObject>(RESOURCES.BGPQuestion, { name: node });
    if (!seen.ok) return fail(faultOf(seen.fault, node));
    if (seen.value.metadata.uid !== metadata.uid)
      return fail({
        code: 'broken',
        message: `somebody else took the question to node ${node} away: try again`,
      });
    if (numberAt(seen.value, 'status', 'observedGeneration') === metadata.generation) return seen;
    await sleep(LOOK_EVERY_MS);
  }
  return fail({
    code: 'no-answer',
    message: `the speaker of node ${node} gave no answer in ${PATIENCE_MS / 1000} s: does it run?`,
  });
}

function parse(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? 'null');
  } catch {
    return undefined;
  }
}

function joined(pages: readonly unknown[], cutAfter: string | undefined): Answer {
  const [first] = pages;
  const value = Array.isArray(first) ? pages.flat() : first;
  return { value, ...(cutAfter !== undefined && { cutAfter }) };
}

function faultOf({ code, message }: KubeFault, node: string): QuestionFault {
  if (code === 'NotFound')
    return {
      code: 'not-served',
      message: "bgpquestions.muslin.dev is not served: are Muslin's CRDs installed?",
    };
  return { code: 'broken', message: `can't ask node ${node}: ${message}` };
}
