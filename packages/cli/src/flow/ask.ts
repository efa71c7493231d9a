import type { Snapshot } from '@muslin/api';
import { fail, ok, type Result } from '@muslin/net';
import type { Explanation, Flow, Judge } from '@muslin/policy';
import { didYouMean } from '../output/suggest.ts';
import { settleName } from './dns-name.ts';
import { formatNamedEnd, type NamedEnd } from './flow-end.ts';

/** A flow between two ends as people name them. */
export interface NamedFlow {
  readonly from: NamedEnd;
  readonly to: NamedEnd;
  readonly protocol: number;
  readonly port?: number;
}

/** Asks the judge; a name that the snapshot does not hold is a sentence that helps to find the right one. */
export function ask(judge: Judge, snapshot: Snapshot, asked: NamedFlow): Result<Explanation, string> {
  const named = {
    ...asked,
    from: settleName(asked.from, snapshot),
    to: settleName(asked.to, snapshot),
  };
  if (named.from.kind === 'service') return fail('from: a Service opens no connections; name a pod');
  const unknown = unknownEnd(named.from, snapshot) ?? unknownEnd(named.to, snapshot);
  if (unknown !== undefined) return fail(unknown);
  const [from, to] = [flowEnd(named.from, snapshot), flowEnd(named.to, snapshot)];
  if (from === undefined || to === undefined)
    return fail(`node ${nodeName(from === undefined ? named.from : named.to)} has no address`);
  const explanation = judge.verdict({
    from,
    to: named.to.kind === 'service' ? { service: `${named.to.namespace}/${named.to.name}` } : to,
    protocol: named.protocol,
    ...(named.port !== undefined && { port: named.port }),
  });
  return explanation.ok ? ok(explanation.value) : fail(explanation.fault.message);
}

/** A namespace may be called "node". */
const isPod = (name: string, snapshot: Snapshot) => snapshot.endpoints.has(`pod/node/${name}`);

const nodeName = (end: NamedEnd) => ('name' in end ? end.name : '');

/** A node is its first address; undefined when it has none. */
function flowEnd(end: NamedEnd, snapshot: Snapshot): Flow['from'] | undefined {
  if (end.kind === 'node' && !isPod(end.name, snapshot)) {
    const ip = snapshot.nodes.get(end.name)?.ips[0];
    return ip && { ip };
  }
  if (end.kind === 'ip') return { ip: end.ip };
  if (end.kind === 'dns') return undefined;
  return { endpoint: `pod/${end.kind === 'node' ? 'node' : end.namespace}/${end.name}` };
}

/** The sentence for a name that the snapshot does not hold; undefined when it does. */
export function unknownEnd(end: NamedEnd, snapshot: Snapshot): string | undefined {
  if (end.kind === 'ip') return undefined;
  if (end.kind === 'dns') {
    const named = /\.(svc|pod)(\.|$)/.test(end.text) || end.text.split('.').length === 2;
    if (!named) return `${end.text} is no name of this cluster: ask about an address of it`;
    const known = snapshot.services.keys().map(key => key.split('/').toReversed().join('.'));
    const short = end.text.split('.').slice(0, 2).join('.');
    return `there is no Service or pod ${end.text}.${didYouMean(short, known)}`;
  }
  if (end.kind === 'node')
    return snapshot.nodes.has(end.name) || isPod(end.name, snapshot)
      ? undefined
      : `there is no node ${end.name}.${didYouMean(end.name, snapshot.nodes.keys())}`;
  const name = `${end.namespace}/${end.name}`;
  if (end.kind === 'service') {
    if (snapshot.services.has(name)) return undefined;
    return `there is no Service ${name}.${didYouMean(name, snapshot.services.keys())}`;
  }
  if (snapshot.endpoints.has(`pod/${name}`)) return undefined;
  const pods = snapshot.endpoints.keys().map(key => key.replace(/^pod\//, ''));
  return `there is no pod ${formatNamedEnd(end)} (finished pods do not count).${didYouMean(name, pods)}`;
}
