import { readFileSync } from 'node:fs';
import { KINDS } from '@muslin/api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { type StandIn, startStandIn } from './stand-in.ts';
import { muslinctl } from './test-context.ts';

interface Written {
  readonly mark: '+' | '-' | '~';
  readonly text: string;
  readonly object: { readonly kind: string; readonly [field: string]: unknown };
}

const file = readFileSync(new URL('./objects/calico-objects.txt', import.meta.url), 'utf8');

function* written(): IterableIterator<Written> {
  let kind = KINDS[0];
  for (const line of file.split('\n')) {
    if (line.startsWith('## ')) kind = KINDS.find(candidate => candidate.kind === line.slice(3));
    const [, mark, name = 'x', spec] = /^([-+~]) (?:@(\S+) )?(\{.*)$/.exec(line) ?? [];
    if (mark === undefined || kind === undefined || spec === undefined) continue;
    const metadata = { name, ...(kind.scope === 'Namespaced' && { namespace: 'default' }) };
    const head = { apiVersion: `${kind.group}/${kind.version}`, kind: kind.kind, metadata };
    yield {
      mark: mark as Written['mark'],
      text: `${kind.kind} ${line}`,
      object: { ...head, spec: parse(spec) },
    };
  }
}

const all = [...written()];
let server: StandIn;

beforeAll(async () => {
  server = await startStandIn();
}, 60_000);
afterAll(() => server.stop());

/** What the API server says of a new object, as `kubectl apply` asks it: with an unknown field it is refused. */
async function refusal({ object }: Written): Promise<string | undefined> {
  const kind = KINDS.find(candidate => candidate.kind === object.kind);
  if (kind === undefined) throw new Error(object.kind);
  const { group, version, plural, scope } = kind;
  const type = { group, version, plural, kind: kind.kind, namespaced: scope === 'Namespaced' };
  const made = await server.client.create(type, object as never, { dryRun: true, fieldValidation: 'Strict' });
  return made.ok ? undefined : made.fault.message;
}

async function errors({ object }: Written): Promise<readonly { readonly message: string }[]> {
  const ran = await muslinctl(['validate', '-f', '-', '-o', 'json'], { stdin: JSON.stringify(object) });
  const { findings } = JSON.parse(ran.stdout);
  return findings.filter(({ severity }: { severity: string }) => severity === 'error');
}

describe('objects that Calico users write', () => {
  it('are of every kind, good and bad', () => {
    expect(all.length).toBeGreaterThan(400);
    const kinds = new Set(all.map(({ object }) => object.kind));
    const calico = KINDS.filter(({ group }) => group === 'projectcalico.org').map(({ kind }) => kind);
    expect(calico.filter(kind => !kinds.has(kind))).toEqual([]);
  });

  it('are taken or refused by the API server as Calico would', async () => {
    const wrong: string[] = [];
    for (const one of all) {
      const refused = await refusal(one);
      if ((refused !== undefined) !== (one.mark === '-')) wrong.push(`${one.text}: ${refused ?? 'taken'}`);
    }
    expect(wrong).toEqual([]);
  });

  it('are judged alike without a server, and what no schema can say besides', async () => {
    const wrong: string[] = [];
    for (const one of all) {
      const found = await errors(one);
      if (found.length > 0 !== (one.mark !== '+'))
        wrong.push(`${one.text}: ${found.map(({ message }) => message).join('; ') || 'no error'}`);
    }
    expect(wrong).toEqual([]);
  });
});
