import type { AnyObject } from '@muslin/kube';
import type { Context } from '../context.ts';
import { formatFileFault } from '../files/file-fault.ts';
import { loadFiles } from '../files/load.ts';
import { textOf } from '../files/text-of.ts';
import { connect } from '../live/connect.ts';
import { writeData } from '../output/data.ts';
import { printable } from '../output/paint.ts';
import type { ExitCode, Input } from '../verb.ts';
import { type CalicoSources, readSources, sourcesOf } from './calico-sources.ts';
import { type MigrationPlan, planOf } from './plan.ts';

/** `migrate plan`: 0 everything carries over, 1 something is not supported, 2 nothing to read. */
export async function showPlan(ctx: Context, input: Input): Promise<ExitCode> {
  const sources = await openSources(ctx, input);
  if (typeof sources === 'number') return sources;
  const plan = planOf(sources);
  const form = input.text('output');
  if (form === 'json' || form === 'yaml') await writeData(ctx, form, plan);
  else ctx.stdout(planText(plan));
  return plan.notes.some(({ fate }) => fate === 'unsupported') ? 1 : 0;
}

async function openSources(ctx: Context, input: Input): Promise<CalicoSources | ExitCode> {
  const files = input.list('files');
  if (files.length > 0) {
    const loaded = await loadFiles(files, files.includes('-') ? await textOf(ctx.stdin()) : undefined);
    if (loaded.faults.length > 0) return ctx.fail(2, ...loaded.faults.map(formatFileFault));
    const sources = sourcesOf(loaded.objects.map(({ object }) => object as AnyObject));
    return sources.objects.length > 0
      ? sources
      : ctx.fail(2, `${files.join(', ')}: no objects of Calico there`);
  }
  const client = await connect(ctx, input);
  if (!client.ok) return ctx.fail(1, `${client.fault}; or name a dump with --files`);
  try {
    const read = await readSources(client.value);
    return read.ok ? read.value : ctx.fail(1, read.fault);
  } finally {
    await client.value.close();
  }
}

/** The plan for people: what carries over, what does not and why, and the steps. */
export function planText({ group, objects, ledger, notes, nodes }: MigrationPlan): string {
  const counts = new Map<string, number>();
  for (const { kind = '' } of [...objects, ...ledger]) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  const kinds = [...counts].map(([kind, count]) => `  ${count} ${kind}`);
  const told = (fate: string) =>
    notes
      .filter(note => note.fate === fate)
      .map(
        ({ object, path, reason }) =>
          `  ${printable(`${object}${path === '' ? '' : ` ${path}`}: ${reason}`)}`,
      );
  const part = (head: string, lines: readonly string[]) => (lines.length === 0 ? [] : [head, ...lines, '']);
  const open = nodes.filter(({ on }) => on === 'calico');
  return `${[
    ...part(`Copied from ${group}/v1 to projectcalico.org/v3:`, kinds),
    ...(group === 'projectcalico.org'
      ? [
          'The objects are projectcalico.org/v3 already: nothing is copied, nor are addresses.',
          'Where no Calico ever ran there is nothing to move: the steps are for clusters where it does.',
          '',
        ]
      : []),
    ...part('Changed:', told('changed')),
    ...part('Not supported:', told('unsupported')),
    'Steps:',
    '  1. muslinctl migrate apply: keeps Calico from claiming new blocks, copies objects and addresses, keeps each DaemonSet to its nodes',
    ...open.flatMap(({ name }, i) => [
      `  ${i + 2}. kubectl drain ${name} --ignore-daemonsets --delete-emptydir-data; muslinctl migrate apply --node ${name}`,
      `     on ${name}: mv /etc/cni/net.d/10-calico.conflist /root/ && reboot; when it is Ready: kubectl uncordon ${name}`,
    ]),
    ...nodes.filter(({ on }) => on === 'muslin').map(({ name }) => `  done: ${name}`),
    '  last: muslinctl doctor; remove Calico; muslinctl migrate finish. Until then "muslinctl migrate back" leads back, node by node.',
  ].join('\n')}\n`;
}
