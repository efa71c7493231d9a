import { type MemberChanges, Members } from './members.ts';

/** What turns one set into the other; walks both unless they are the same, or versions of one set. */
export function changesBetween(old: ReadonlySet<string>, now: ReadonlySet<string>): MemberChanges {
  if (old === now) return { add: [], remove: [] };
  const known = old instanceof Members && now instanceof Members ? now.changesSince(old) : undefined;
  return (
    known ?? {
      add: [...now].filter(member => !old.has(member)),
      remove: [...old].filter(member => !now.has(member)),
    }
  );
}
