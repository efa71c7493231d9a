import type { GivenUp } from '@muslin/ipam';
import type { Note } from '@muslin/kube';
import { formatPrefix, type Prefix } from '@muslin/net';

/** What became of a block, in words; an affinity without a block is nobody's loss. */
const BECAME: Readonly<Record<GivenUp, string | undefined>> = {
  deleted: 'is deleted',
  orphaned: 'stays without an owner, as addresses of it are in use',
  'not-owned': undefined,
};

/** Why a block is its owner's no more; undefined when it was not before. */
export function blockNote(
  about: Note['about'],
  cidr: Prefix,
  owner: string,
  became: GivenUp,
  why: string,
): Note | undefined {
  const words = BECAME[became];
  return words === undefined
    ? undefined
    : {
        about,
        type: 'Normal',
        reason: 'BlockFreed',
        message: `block ${formatPrefix(cidr)} of ${owner} ${words}: ${why}`,
      };
}

/** Between what one Event tells of several addresses; `muslinctl ipam history` shows the part that is about its own. */
const BETWEEN = ' | ';
/** Characters of a message; the API server keeps 1,024 bytes (Event v1). */
const LONGEST = 900;

/** As few notes of one kind about one object as hold all lines: of many Events about one object most are dropped. */
export function notesOf(note: Omit<Note, 'message'>, lines: readonly string[]): readonly Note[] {
  const messages: string[] = [];
  let open = '';
  for (const line of lines) {
    const longer = open === '' ? line : `${open}${BETWEEN}${line}`;
    if (open !== '' && longer.length > LONGEST) {
      messages.push(open);
      open = line;
    } else open = longer;
  }
  return (open === '' ? messages : [...messages, open]).map(message => ({ ...note, message }));
}

/** A note about a Node, whether or not it is still there. */
export function aboutNode(name: string): Note['about'] {
  return { apiVersion: 'v1', kind: 'Node', name };
}
