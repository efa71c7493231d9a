import type { Snapshot } from '@muslin/api';
import { fail, ok, type Result } from '@muslin/net';
import type { Explanation, Flow, Judge } from '@muslin/policy';
import { didYouMean } from '../output/suggest.ts';
import { formatNamedEnd, type NamedEnd } from './flow-end.ts';

/** A flow between two ends as people name them. */
export interface NamedFlow {
  readonly from: NamedEnd;
  readonly to: NamedEnd;
  readonly protocol: number;
  readonly port?: number;
}

/** Asks the judge; a name that the snapshot does not hold is a sentence that helps to find the right one. */
export function ask(judge: Judge, snapshot: Snapshot, named: NamedFlow): Result<Explanation, string> {
  const unknown = unknownEnd(named.from, snapshot) ?? unknownEnd(named.to, snapshot);
  if (unknown !== undefined) return fail(unknown);
  const explanation = judge.verdict({
    from: flowEnd(named.from),
    to:
      named.to.kind === 'service' ? { service: `${named.to.namespace}/${named.to.name}` } : flowEnd(named.to),
    protocol: named.protocol,
    ...(named.port !== undefined && { port: named.port }),
  });
  return explanation.ok ? ok(explanation.value) : fail(explanation.fault.message);
}

function flowEnd(end: NamedEnd): Extract<Flow['from'], object> {
  return end.kind === 'ip' ? { ip: end.ip } : { endpoint: `pod/${end.namespace}/${end.name}` };
}

/** The sentence for a name that the snapshot does not hold; undefined when it does. */
export function unknownEnd(end: NamedEnd, snapshot: Snapshot): string | undefined {
  if (end.kind === 'ip') return undefined;
  const name = `${end.namespace}/${end.name}`;
  if (end.kind === 'service') {
    if (snapshot.services.has(name)) return undefined;
    return `there is no Service ${name}.${didYouMean(name, snapshot.services.keys())}`;
  }
  if (snapshot.endpoints.has(`pod/${name}`)) return undefined;
  const pods = snapshot.endpoints.keys().map(key => key.replace(/^pod\//, ''));
  return `there is no pod ${formatNamedEnd(end)} (finished pods do not count).${didYouMean(name, pods)}`;
}
