import { temporarySetName } from '../set-name.ts';
import type { SetPlan } from './plan.ts';
import type { Ipset } from './set.ts';

const word = (text: string): string => {
  if (!/^[A-Za-z0-9_.:/,-]{1,128}$/.test(text))
    throw new Error(`unsafe in an ipset line: ${JSON.stringify(text)}`);
  return text;
};

/** What `ipset restore -exist` reads before the rules: new sets, swapped sets, new members. */
export function ipsetBeforeRules(plan: SetPlan): string {
  const lines: string[] = [];
  for (const set of plan.create) lines.push(...createLines(set, set.name));
  for (const set of plan.replace) {
    const temporary = word(temporarySetName(set.name));
    // A crash may have left one there of another type; `-exist` forgives when there is none.
    lines.push(`destroy ${temporary}`, ...createLines(set, temporary));
    lines.push(`swap ${temporary} ${word(set.name)}`, `destroy ${temporary}`);
  }
  for (const { set, add } of plan.change)
    for (const member of add) lines.push(`add ${set.name} ${word(member)}`);
  return lines.map(line => `${line}\n`).join('');
}

/** What it reads after the rules: members and sets that go. */
export function ipsetAfterRules(plan: SetPlan): string {
  const lines: string[] = [];
  for (const { set, remove } of plan.change)
    for (const member of remove) lines.push(`del ${set.name} ${word(member)}`);
  for (const name of plan.destroy) lines.push(`destroy ${word(name)}`);
  return lines.map(line => `${line}\n`).join('');
}

/** A set that is already there under this name (left by a crash) is emptied first. */
function createLines(set: Ipset, name: string): string[] {
  const family = set.family === 4 ? 'inet' : 'inet6';
  return [
    `create ${word(name)} ${set.type} family ${family} hashsize ${set.hashsize} maxelem ${set.maxelem}${set.counters ? ' counters' : ''}`,
    `flush ${name}`,
    ...[...set.members].map(member => `add ${name} ${word(member)}`),
  ];
}
