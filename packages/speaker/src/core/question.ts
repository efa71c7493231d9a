import type { bgpQuestion, SpecOf, StatusOf } from '@muslin/api';
import type { Answer } from '../status-socket.ts';

/** The spec of a BGPQuestion (muslin.dev/v1alpha1). */
export type QuestionSpec = SpecOf<typeof bgpQuestion>;
/** What of its status is the answer. */
export type QuestionAnswer = Pick<StatusOf<typeof bgpQuestion>, 'answer' | 'more' | 'mistake'>;

const PAGES: Readonly<Record<QuestionSpec['about'], string>> = {
  Peer: '/v1/peer',
  Routes: '/v1/routes',
  Received: '/v1/received',
  Advertised: '/v1/advertised',
  Explain: '/v1/explain',
};
/** Characters of JSON in one answer: quoted in an object it is at most twice that, and etcd takes 1.5 MiB. */
const MOST_TEXT = 256 << 10;
/** Prefixes that are looked at for one page; more than this never fit. */
const MOST_PREFIXES = 2_000;
const MOST_WORDS = 1_024;

/** The page of the speaker's socket that knows the answer. */
export function pageOf({ about, peer, prefix, after }: QuestionSpec): {
  path: string;
  query: URLSearchParams;
} {
  const query = new URLSearchParams({ most: String(MOST_PREFIXES) });
  for (const [name, value] of Object.entries({ peer, prefix, after }))
    if (value !== undefined) query.set(name, value);
  return { path: Object.hasOwn(PAGES, about) ? PAGES[about] : '', query };
}

/** What the page said as the answer of a BGPQuestion: of a list as many prefixes as fit. */
export function answerOf(page: Answer): QuestionAnswer {
  switch (page.kind) {
    case 'json':
      return Array.isArray(page.value) ? part(page.value) : whole(page.value);
    case 'mistake':
      return { mistake: page.message.slice(0, MOST_WORDS) };
    case 'text':
    case 'stream':
      return { mistake: 'this can only be asked on the node' };
  }
}

function whole(value: unknown): QuestionAnswer {
  const text = JSON.stringify(value);
  return text.length <= MOST_TEXT ? { answer: text } : { mistake: 'the answer is too long: ask on the node' };
}

interface Row {
  readonly prefix?: string;
}

/** Paths to one prefix stay together, so that the next page begins after a prefix. */
function part(rows: readonly Row[]): QuestionAnswer {
  const texts = rows.map(row => JSON.stringify(row));
  const prefixes = new Set(rows.map(({ prefix }) => prefix));
  let room = MOST_TEXT - 2;
  let count = 0;
  for (const text of texts) {
    room -= text.length + 1;
    if (room < 0) break;
    count++;
  }
  while (count < rows.length && count > 0 && rows[count]?.prefix === rows[count - 1]?.prefix) count--;
  if (count === 0 && rows.length > 0) return { mistake: 'the answer is too long: ask on the node' };
  const last = rows[count - 1]?.prefix;
  const more = count < rows.length || prefixes.size >= MOST_PREFIXES ? last : undefined;
  return { answer: `[${texts.slice(0, count).join(',')}]`, ...(more !== undefined && { more }) };
}
