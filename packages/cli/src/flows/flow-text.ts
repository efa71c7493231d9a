import { counted } from '../output/counted.ts';
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
  const staged = listAt(record, 'staged').map(stagedText);
  return printable(
    `${time} ${word} ${(textAt(record, 'direction') ?? '').padEnd(7)} ${path}: ${whyText(record, verdict)}${countText(record)}${staged.join('')}`,
  );
}

const WOULD: Readonly<Record<string, string>> = { Allow: 'allowed', Deny: 'denied', Pass: 'passed on' };

function stagedText(one: unknown): string {
  const would = WOULD[textAt(one, 'would') ?? ''] ?? 'judged';
  const [policy, deletes] = [refText(valueAt(one, 'policy')), valueAt(one, 'deletes')];
  return deletes === undefined
    ? `; would be ${would} by staged ${policy}`
    : `; would be ${would} without ${refText(deletes)}, which staged ${policy} would delete`;
}

function whyText(record: unknown, verdict: string): string {
  const policy = valueAt(record, 'policy');
  if (policy !== undefined) return `${refText(policy)} ${textAt(record, 'rule') ?? ''}`.trim();
  const tier = textAt(record, 'tier');
  if (verdict === 'allow') return 'no policy has a say';
  return tier === undefined
    ? 'by a rule that is gone by now'
    : `no rule allows it${tier === 'default' ? '' : ` in tier ${tier}`}`;
}

/** What went either way; nothing of a packet that was denied. */
function countText(record: unknown): string {
  const answered = valueAt(record, 'answered');
  if (answered === undefined) return '';
  const one = (way: 'sent' | 'received') => {
    const packets = numberAt(record, way, 'packets') ?? 0;
    return `${counted(packets, 'packet')} (${bytesText(numberAt(record, way, 'bytes') ?? 0)})`;
  };
  const hasCounts = valueAt(record, 'sent') !== undefined;
  const over = valueAt(record, 'ended') === true;
  const silence = answered === true ? '' : over ? '; it was never answered' : '; no answer yet';
  return over && hasCounts ? `; ended, ${one('sent')} there, ${one('received')} back${silence}` : silence;
}

const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB'];

function bytesText(bytes: number): string {
  let [value, unit] = [bytes, 0];
  while (value >= 1000 && unit < UNITS.length - 1) [value, unit] = [value / 1000, unit + 1];
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
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
