import { fail, ok } from '@muslin/net';
import { runCommand } from '../command.ts';
import type { Namespace } from '../netns/namespace.ts';
import type { IpsetDriver, IpsetFault } from './ipset-driver.ts';
import { formatMember, parseMember } from './ipset-member.ts';
import { checkIpsetName, type Ipset, type IpsetOp } from './ipset-set.ts';

/** The driver for machines where netlink can't be used: one `ipset` process for each read and each plan. */
export function commandIpsetDriver(namespace?: Namespace): IpsetDriver {
  const run = (args: readonly string[], input = '') => runCommand('ipset', args, { input, namespace });
  return {
    async read(owned) {
      const saved = await run(['save']);
      return saved.ok ? ok(parseSave(saved.value, owned)) : saved;
    },
    async apply(ops) {
      const refused: { op: IpsetOp; fault: IpsetFault }[] = [];
      let lines = ops.flatMap(op => restoreLines(op).map(line => ({ op, line })));
      // `ipset restore` stops at the first refused line, with the lines before it applied: go on after it.
      while (lines.length > 0) {
        const ran = await run(['restore', '-exist'], lines.map(({ line }) => line).join(''));
        if (ran.ok) break;
        const stopped = Number(/Error in line (\d+)/.exec(ran.fault.message)?.[1] ?? Number.NaN);
        const failed = Number.isNaN(stopped) ? lines : lines.slice(stopped - 1, stopped);
        for (const { op } of failed) refused.push({ op, fault: ran.fault });
        lines = Number.isNaN(stopped) ? [] : lines.slice(stopped);
      }
      return refused.length === 0 ? ok(undefined) : fail(refused);
    },
    close: () => {},
  };
}

/** The lines of ipset(8)'s restore format for one step. */
export function restoreLines(op: IpsetOp): readonly string[] {
  const name = checkIpsetName(op.name);
  switch (op.op) {
    case 'create': {
      const hash = op.hashsize === undefined ? '' : ` hashsize ${op.hashsize}`;
      const family = op.family === 4 ? 'inet' : 'inet6';
      return [`create ${name} ${op.type} family ${family}${hash} maxelem ${op.maxelem}\n`];
    }
    case 'add':
    case 'remove':
      return op.members.map(text => `${op.op === 'add' ? 'add' : 'del'} ${name} ${canonical(text)}\n`);
    case 'swap':
    case 'rename':
      return [`${op.op} ${name} ${checkIpsetName(op.other)}\n`];
    case 'flush':
    case 'destroy':
      return [`${op.op} ${name}\n`];
  }
}

/** Reads the output of `ipset save`: sets whose names begin with `owned` and whose kind Muslin knows. */
export function parseSave(text: string, owned: string): ReadonlyMap<string, Ipset> {
  const sets = new Map<string, Ipset & { readonly members: Set<string> }>();
  for (const line of text.split('\n')) {
    const [verb, name = '', word = '', ...options] = line.split(' ');
    if (!name.startsWith(owned)) continue;
    if (verb === 'add') {
      const member = parseMember(word);
      if (member !== undefined) sets.get(name)?.members.add(formatMember(member));
    } else if (verb === 'create' && (word === 'hash:net' || word === 'hash:ip,port')) {
      const option = (key: string) => options[options.indexOf(key) + 1];
      sets.set(name, {
        name,
        type: word,
        family: option('family') === 'inet6' ? 6 : 4,
        maxelem: Number(option('maxelem') ?? 65536),
        members: new Set(),
      });
    }
  }
  return sets;
}

function canonical(text: string): string {
  const member = parseMember(text);
  if (member === undefined) throw new Error(`${JSON.stringify(text)} is no member of an ipset`);
  return formatMember(member);
}
