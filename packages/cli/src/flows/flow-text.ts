import { listAt, numberAt, recordAt, textAt, valueAt } from '../files/json.ts';
import { formatRef } from '../flow/reason-text.ts';
import { protocolName } from '../flow/protocol.ts';
import { type Paint, printable } from '../output/paint.ts';

/** One line for a flow that an agent told of; what it does not say is left out. */
export function flowText(record: unknown, paint: Paint): string {
  const verdict = textAt(record, 'verdict') ?? '?';
  const time = new Date(numberAt(record, 'at') ?? 0).toISOString().slice(11, 23);
  const dialled = valueAt(record, 'dialled');
  const to = `${endText(record, 'destination')}${dialled === undefined ? '' : ` (dialled ${addressText(dialled)})`}`;
  const path = `${endText(record, 'source')} -> ${to} ${protocolName(numberAt(record, 'protocol') ?? 0)}`;
  const word = verdict === 'deny' ? paint.bad('deny ') : paint.good('allow');
  const staged = listAt(record, 'staged').map(
    one =>
      `; would be ${WOULD[textAt(one, 'would') ?? ''] ?? 'judged'} by staged ${refText(valueAt(one, 'policy'))}`,
  );
  return printable(
    `${time} ${word} ${(textAt(record, 'direction') ?? '').padEnd(7)} ${path}: ${whyText(record, verdict)}${staged.join('')}`,
  );
}

const WOULD: Readonly<Record<string, string>> = { Allow: 'allowed', Deny: 'denied', Pass: 'passed on' };

function whyText(record: unknown, verdict: string): string {
  const policy = valueAt(record, 'policy');
  if (policy !== undefined) return `${refText(policy)} ${textAt(record, 'rule') ?? ''}`.trim();
  const tier = textAt(record, 'tier');
  if (verdict === 'allow') return 'no policy has a say';
  return tier === undefined
    ? 'by a rule that is gone by now'
    : `no rule allows it${tier === 'default' ? '' : ` in tier ${tier}`}`;
}

function refText(ref: unknown): string {
  const namespace = textAt(ref, 'namespace');
  return formatRef({
    kind: textAt(ref, 'kind') ?? '?',
    ...(namespace !== undefined && { namespace }),
    name: textAt(ref, 'name') ?? '?',
  });
}

function endText(record: unknown, end: 'source' | 'destination'): string {
  const place = recordAt(record, end);
  const pod = textAt(place, 'pod');
  const address = addressText(place);
  return pod === undefined ? address : `${pod} (${address})`;
}

function addressText(place: unknown): string {
  const ip = textAt(place, 'ip') ?? '?';
  const port = numberAt(place, 'port');
  return port === undefined ? ip : `${ip.includes(':') ? `[${ip}]` : ip}:${port}`;
}
