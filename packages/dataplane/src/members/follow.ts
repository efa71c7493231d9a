import { type MemberChanges, Members } from './members.ts';

interface Followed {
  readonly source: Members;
  readonly members: Members;
  /** How often a member is brought in beyond the first time; nearly always empty. */
  readonly more: Map<string, number>;
}

/**
 * Makes a function that gives the image of a set, member by member. `Members` it follows from version to version:
 * after the first time that costs what changed. The same source gives the same object.
 */
export function follow(
  image: (member: string) => readonly string[],
): (source: ReadonlySet<string>) => ReadonlySet<string> {
  const bySource = new WeakMap<ReadonlySet<string>, ReadonlySet<string>>();
  const byLine = new WeakMap<object, Followed>();
  return source => {
    let members = bySource.get(source);
    if (members !== undefined) return members;
    if (source instanceof Members) {
      const before = byLine.get(source.line);
      const changes = before && source.changesSince(before.source);
      const now = before && changes ? patched(before, source, changes, image) : first(source, image);
      byLine.set(source.line, now);
      ({ members } = now);
    } else members = new Set([...source].flatMap(image));
    bySource.set(source, members);
    return members;
  };
}

function first(source: Members, image: (member: string) => readonly string[]): Followed {
  const members = new Set<string>();
  const more = new Map<string, number>();
  for (const member of source)
    for (const one of image(member)) {
      if (members.has(one)) more.set(one, (more.get(one) ?? 0) + 1);
      else members.add(one);
    }
  return { source, members: Members.of(members), more };
}

function patched(
  { members, more }: Followed,
  source: Members,
  changes: MemberChanges,
  image: (member: string) => readonly string[],
): Followed {
  const add = new Set<string>();
  const remove = new Set<string>();
  for (const member of changes.remove.flatMap(image)) {
    const others = more.get(member) ?? 0;
    if (others > 1) more.set(member, others - 1);
    else if (others === 1) more.delete(member);
    else remove.add(member);
  }
  for (const member of changes.add.flatMap(image)) {
    if (remove.delete(member)) continue;
    if (add.has(member) || members.has(member)) more.set(member, (more.get(member) ?? 0) + 1);
    else add.add(member);
  }
  const none = add.size === 0 && remove.size === 0;
  return { source, members: none ? members : members.patch({ add: [...add], remove: [...remove] }), more };
}
