import { counted } from '../output/counted.ts';
import { type Finding, NORMALISED_KINDS, normalise } from '@muslin/api';
import type { Context } from '../context.ts';
import { formatRef } from '../flow/reason-text.ts';
import { writeData } from '../output/data.ts';
import { printable } from '../output/paint.ts';
import { didYouMean } from '../output/suggest.ts';
import type { ExitCode, Input } from '../verb.ts';
import { formatFileFault } from './file-fault.ts';
import { DEFINED_KINDS } from './definitions.ts';
import { type LoadedObject, loadFiles, type RawObject } from './load.ts';
import { formatPlace, type Place } from './place.ts';
import { hasSchema, schemaFindings } from './schema-findings.ts';
import { allServed } from './stored-calico.ts';
import { textOf } from './text-of.ts';

interface Placed extends Finding {
  readonly place: Place;
}

export async function validateFiles(ctx: Context, input: Input): Promise<ExitCode> {
  const paths = input.list('files');
  const stdin = paths.includes('-') ? await textOf(ctx.stdin()) : undefined;
  const read = await loadFiles(paths, stdin);
  const loaded = { ...read, objects: allServed(read.objects) };
  const findings = (await Promise.all(loaded.objects.map(findingsOf))).flat();
  const known = new Set(NORMALISED_KINDS);
  const checked = loaded.objects.filter(
    ({ object }) => known.has(`${object.apiVersion}/${object.kind}`) || hasSchema(object),
  ).length;
  const errors = findings.filter(finding => finding.severity === 'error').length;
  const form = input.text('output');
  if (form === 'json' || form === 'yaml') {
    const rows = findings.map(({ object, place, ...rest }) => ({ ...place, ...object, ...rest }));
    await writeData(ctx, form, { checked, findings: rows });
  } else {
    for (const finding of findings) ctx.stdout(`${line(finding, ctx)}\n`);
    const others = loaded.objects.length - checked;
    const rest = others === 0 ? '' : `, ${others} of other kinds not looked at`;
    const found = `${counted(errors, 'error')}, ${counted(findings.length - errors, 'warning')}`;
    if (loaded.objects.length > 0) ctx.stdout(`${counted(checked, 'object')} checked${rest}: ${found}\n`);
  }
  if (loaded.faults.length > 0) return ctx.fail(2, ...loaded.faults.map(formatFileFault));
  if (loaded.objects.length === 0) return ctx.fail(2, `${paths.join(', ')}: no Kubernetes objects there`);
  return errors === 0 ? 0 : 1;
}

/** What the reader says of a place goes before what the definition says of the same, or of what is around or inside it. */
export async function findingsOf({ object, locate }: LoadedObject): Promise<readonly Placed[]> {
  const read = normalise(object).findings;
  const near = ({ path }: Finding) =>
    read.some(
      ({ path: other, severity }) => severity === 'error' && (within(other, path) || within(path, other)),
    );
  const held = [...noSuchKind(object), ...(await schemaFindings(object))];
  return [...read, ...held.filter(finding => !near(finding))].map(finding => ({
    ...finding,
    place: locate(finding.path),
  }));
}

/** A kind in a group of ours that is not there: the server would refuse it, a typing mistake nearly always. */
function noSuchKind({
  apiVersion,
  kind,
  metadata: { name = '', namespace = '' },
}: RawObject): readonly Finding[] {
  const [group, version] = apiVersion.split('/');
  const kinds = DEFINED_KINDS.filter(each => each.group === group);
  if (kinds.length === 0 || kinds.some(each => each.kind === kind && each.version === version)) return [];
  const same = kinds.find(each => each.kind === kind);
  const hint = didYouMean(
    kind,
    kinds.map(each => each.kind),
  );
  // Calico has kinds that nobody here defines (Profile, Node): only what looks like a slip is one.
  if (same === undefined && hint === '') return [];
  const message =
    same === undefined
      ? `${group} has no kind ${kind}.${hint}`
      : `${kind} is of ${group}/${same.version}, not of ${apiVersion}`;
  return [{ object: { kind, namespace, name }, path: '', severity: 'error', message }];
}

/** Whether a path is another or leads further into it. */
function within(path: string, around: string): boolean {
  return path.startsWith(around) && /^($|[.[])/.test(path.slice(around.length));
}

function line({ object, path, severity, message, place }: Placed, { paint }: Context): string {
  const word = severity === 'error' ? paint.bad('error') : paint.bold('warning');
  const where = path === '' ? '' : ` ${path}`;
  return `${printable(formatPlace(place))}: ${word}: ${printable(`${formatRef(object)}:${where} ${message}`)}`;
}
