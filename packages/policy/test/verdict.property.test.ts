import type { FactChange } from '@muslin/api';
import { formatIp } from '@muslin/net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decide, Judge, nodeState, verdict, viewOf } from '../src/index.ts';
import { bruteForce } from './brute-force.ts';
import { cluster } from './cluster.ts';
import { flows, worlds } from './worlds.ts';

/** Rules about Services mean something else once the Services are gone. */
function namesServices(fact: FactChange): boolean {
  if (fact.type !== 'policy' || fact.value === undefined) return false;
  const rules = [...fact.value.ingress, ...fact.value.egress];
  return rules.some(({ source, destination }) => 'service' in source || 'service' in destination);
}

const questions = fc.array(flows, { minLength: 20, maxLength: 20 });

describe('verdict', () => {
  it('equals a brute-force reading of the states of both nodes', () => {
    const seen = { allow: 0, deny: 0 };
    fc.assert(
      fc.property(worlds, questions, (facts, list) => {
        const snapshot = cluster(...facts);
        const clusterIps = new Set([...snapshot.services.values()].flatMap(s => s.clusterIps.map(formatIp)));
        const judge = new Judge(snapshot);
        for (const flow of list) {
          const { to } = flow;
          if ('service' in to || ('ip' in to && clusterIps.has(formatIp(to.ip)))) continue;
          const answer = judge.verdict(flow);
          const wanted = bruteForce(snapshot, flow);
          expect(answer.ok ? answer.value.answer === 'allow' : undefined).toBe(wanted);
          if (answer.ok) seen[answer.value.answer]++;
        }
      }),
      { numRuns: 400 },
    );
    // A generator that only ever makes one answer would prove nothing.
    expect(Math.min(seen.allow, seen.deny)).toBeGreaterThan(300);
  });

  it('is what decide says about the state of each node, trace and all', () => {
    fc.assert(
      fc.property(worlds, questions, (facts, list) => {
        const snapshot = cluster(...facts);
        const judge = new Judge(snapshot);
        for (const flow of list) {
          const answer = judge.verdict(flow);
          for (const { packet, egress, ingress } of answer.ok ? answer.value.paths : []) {
            for (const decision of [egress, ingress]) {
              const node = snapshot.endpoints.get(decision.endpoint ?? '')?.node;
              if (
                node === undefined ||
                !['rule', 'tier-default', 'no-policy'].includes(decision.because.code)
              )
                continue;
              const state = nodeState(snapshot, node);
              const plan = state.endpoints.get(decision.endpoint ?? '');
              if (plan === undefined) throw new Error(`${decision.endpoint} has no plan`);
              expect(decision).toEqual(decide(plan, viewOf(state), packet, decision.direction));
            }
          }
        }
      }),
      { numRuns: 150 },
    );
  });

  it('asks of a Service what it asks of each backend, and needs one that is ready', () => {
    let asked = 0;
    fc.assert(
      fc.property(worlds, questions, (facts, list) => {
        const snapshot = cluster(...facts.filter(fact => !namesServices(fact)));
        const judge = new Judge(snapshot);
        const withoutServices = new Judge({ ...snapshot, services: new Map() });
        for (const flow of list) {
          const answer = 'service' in flow.to ? judge.verdict(flow) : undefined;
          if (answer?.ok !== true) continue;
          const { paths, notes } = answer.value;
          const ready = paths.filter(path => path.ready);
          expect(answer.value.answer === 'allow').toBe(ready.some(path => path.answer === 'allow'));
          expect(ready.length === 0).toBe(notes.some(note => note.code === 'no-backends'));
          for (const { packet, answer: wanted, notes } of paths) {
            if (notes.some(note => note.code === 'hairpin')) continue;
            const { source, destination, destinationPort: port } = packet;
            const direct = withoutServices.verdict({
              ...flow,
              family: source.family,
              to: { ip: destination },
              ...(port !== undefined && { port }),
            });
            expect(direct).toMatchObject({ ok: true, value: { answer: wanted } });
            asked++;
          }
        }
      }),
      { numRuns: 300 },
    );
    expect(asked).toBeGreaterThan(50);
  });

  it('is the same whether asked alone or of a Judge that has answered before, and survives JSON', () => {
    fc.assert(
      fc.property(worlds, questions, (facts, list) => {
        const snapshot = cluster(...facts);
        const judge = new Judge(snapshot);
        for (const flow of list) judge.verdict(flow);
        for (const flow of list) {
          const answer = judge.verdict(flow);
          expect(answer).toEqual(verdict(snapshot, flow));
          expect(JSON.parse(JSON.stringify(answer))).toEqual(answer);
        }
      }),
      { numRuns: 60 },
    );
  });
});
