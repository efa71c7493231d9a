import type { Finding } from '@muslin/api';
import type { Context } from '../context.ts';
import type { World } from '../world/world.ts';
import { printable } from './paint.ts';

/** More lines than this tell nobody more. */
const MAX_LINES = 20;

/** Tells on standard error what is wrong with the files, so that answers are not taken for more than they are. */
export function warn(
  ctx: Pick<Context, 'stderr' | 'paint'>,
  world: Pick<World, 'warnings' | 'findings' | 'placeOf'>,
): void {
  const invalid = world.findings.filter(finding => finding.severity === 'error');
  const lines = [
    ...world.warnings,
    ...invalid.map(finding => `not in effect: ${formatFinding(finding, world.placeOf)}`),
  ];
  for (const line of lines.slice(0, MAX_LINES))
    ctx.stderr(`${ctx.paint.bad('warning:')} ${printable(line)}\n`);
  if (lines.length > MAX_LINES)
    ctx.stderr(
      `${ctx.paint.bad('warning:')} … and ${lines.length - MAX_LINES} more; "muslinctl validate" shows all\n`,
    );
}

/** `deploy/db.yaml:12: NetworkPolicy shop/db: spec.ingress[0]: must be …`. */
function formatFinding(finding: Finding, placeOf: World['placeOf']): string {
  const { object, path, message } = finding;
  const place = placeOf(object, path);
  const name = `${object.kind} ${object.namespace ? `${object.namespace}/` : ''}${object.name}`;
  const at = place === undefined ? '' : `${place.file}:${place.line}: `;
  return `${at}${name}: ${path === '' ? '' : `${path} `}${message}`;
}
