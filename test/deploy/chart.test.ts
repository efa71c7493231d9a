import { spawnSync } from 'node:child_process';
import { lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { PARTS } from '../../deploy/files.ts';
import { evaluatePieces } from '../../deploy/source/evaluate.ts';
import { defaults, SETTINGS, type Values, valuesWith } from '../../deploy/source/settings.ts';
import { CASES } from './installation.ts';

const CHART = fileURLToPath(new URL('../../deploy/chart', import.meta.url));
const read = (path: string) => readFileSync(join(CHART, path), 'utf8');
let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'muslin-chart-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/**
 * Renders a template by the engine that Helm uses, Go's text/template, which kubectl carries too: the values are an
 * object, and `-o go-template-file` prints it. Nothing is asked of a server.
 */
function render(template: string, values: Values, namespace: string): readonly unknown[] {
  return parseAllDocuments(renderText(template, values, namespace))
    .map(document => document.toJS() as unknown)
    .filter(object => object !== null)
    .map(withoutEmpty);
}

function renderText(template: string, values: Values, namespace: string): string {
  const context = join(dir, 'context.json');
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'context' } };
  writeFileSync(context, JSON.stringify({ ...object, Values: values, Release: { Namespace: namespace } }));
  const args = [
    'annotate',
    '--local',
    '-f',
    context,
    'a=b',
    '-o',
    `go-template-file=${CHART}/templates/${template}`,
  ];
  const done = spawnSync('kubectl', args, { encoding: 'utf8', env: { ...process.env, HOME: dir } });
  expect(done.stderr).toBe('');
  return done.stdout;
}

/** A key without a value, and an empty list, are the same as none to the API server. */
function withoutEmpty(tree: unknown): unknown {
  if (Array.isArray(tree)) return tree.map(withoutEmpty);
  if (typeof tree !== 'object' || tree === null) return tree;
  const entries = Object.entries(tree).map(([key, part]) => [key, withoutEmpty(part)] as const);
  return Object.fromEntries(entries.filter(([, part]) => !isEmpty(part)));
}
const isEmpty = (part: unknown): boolean =>
  part === null || (typeof part === 'object' && Object.keys(part as object).length === 0);

describe.each(Object.entries(CASES))('the chart %s', (_name, changes) => {
  it.each(Object.keys(PARTS))('%s renders to what the manifests are made from', template => {
    const values = valuesWith(changes);
    const wanted = evaluatePieces(PARTS[template] ?? [], { values, namespace: 'net "a" %d' });
    expect(render(template, values, 'net "a" %d')).toEqual(wanted.map(withoutEmpty));
  });
});

it('says after an installation what to look at, and whether there is a pool', () => {
  const notes = (changes: object) => renderText('NOTES.txt', valuesWith({ ...changes }), 'net');
  const bare = notes({});
  expect(bare).toContain('kubectl --namespace net rollout status daemonset/muslin-node\n');
  expect(bare).toContain('There is no pool yet');
  expect(bare).not.toContain('serviceMonitor');
  expect(notes({ 'pool.cidr': '10.9.0.0/16' })).toContain('Pods get addresses of 10.9.0.0/16');
  expect(notes({ 'metrics.serviceMonitor': true })).toContain('does nothing without metrics.enabled');
  expect(bare.split('\n').filter(line => line.length > 130)).toEqual([]);
});

it('values.yaml holds the defaults, with a comment above each', () => {
  const text = read('values.yaml');
  expect(parse(text)).toEqual(defaults());
  for (const { path, about } of SETTINGS) {
    const line = text.split('\n').findIndex(each => each.trim() === `# ${about}`);
    expect(text.split('\n')[line + 1]?.trim(), path).toMatch(new RegExp(`^${path.split('.').at(-1)}:`));
  }
});

it('every setting is used by a template', () => {
  const text = readdirSync(join(CHART, 'templates'))
    .map(name => read(`templates/${name}`))
    .join('');
  expect(SETTINGS.filter(({ path }) => !text.includes(`.Values.${path}`)).map(({ path }) => path)).toEqual(
    [],
  );
});

it('templates use no function but those of Go itself', () => {
  for (const name of Object.keys(PARTS))
    for (const [, action = ''] of read(`templates/${name}`).matchAll(/\{\{-?(.*?)-?\}\}/g))
      expect(action.trim()).toMatch(
        /^(if \.[\w.]+|else|end|range \$\w+(, \$\w+)? := [.$][\w.]+|printf "%q(: %q, )?" .*|\$\w+|\.[\w.]+)$/,
      );
});

describe('values.schema.json', () => {
  const schema = JSON.parse(read('values.schema.json'));
  it.each(Object.entries(CASES))('takes values %s', (_name, changes) => {
    expect(faults(valuesWith(changes), schema)).toEqual([]);
  });
  it.each([
    ['a misspelt setting', { image: { tga: 'x' } }, '.image.tga is unknown'],
    ['text for a number', { cni: { mtu: '1500' } }, '.cni.mtu is no integer'],
    ['a number that is too great', { agent: { refreshMs: 1e6 } }, '.agent.refreshMs is out of range'],
    ['a word that is none of the choices', { agent: { iptables: 'bpf' } }, '.agent.iptables is not allowed'],
    ['a pool that is no prefix', { pool: { cidr: '10.0.0.0' } }, '.pool.cidr is not allowed'],
    [
      'an effect that no taint has',
      { node: { tolerations: [{ operator: 'Exists', effect: 'Never' }] } },
      '.node.tolerations.0.effect is not allowed',
    ],
    [
      'a field that no variable has',
      { agent: { env: [{ name: 'A', valueFrom: 'x' }] } },
      '.agent.env.0.valueFrom is unknown',
    ],
    ['a number in a list of names', { image: { pullSecrets: [1] } }, '.image.pullSecrets.0 is no string'],
  ])('refuses %s', (_name, values, complaint) => {
    expect(faults(values, schema)).toEqual([complaint]);
  });
});

interface Schema {
  readonly type: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | false;
  readonly items?: Schema;
  readonly pattern?: string;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
}

/** The part of JSON Schema draft 7 that the file uses. */
function faults(value: unknown, schema: Schema, path = ''): readonly string[] {
  const types: Readonly<Record<string, boolean>> = {
    object: typeof value === 'object' && !Array.isArray(value),
    array: Array.isArray(value),
    string: typeof value === 'string',
    integer: Number.isInteger(value),
    boolean: typeof value === 'boolean',
  };
  if (types[schema.type] !== true) return [`${path} is no ${schema.type}`];
  if (schema.pattern !== undefined && !new RegExp(schema.pattern).test(value as string))
    return [`${path} is not allowed`];
  if (schema.enum !== undefined && !schema.enum.includes(value)) return [`${path} is not allowed`];
  const { minimum = -Infinity, maximum = Infinity } = schema;
  if (typeof value === 'number' && (value < minimum || value > maximum)) return [`${path} is out of range`];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, part]) => {
    const inner = schema.items ?? schema.properties?.[key] ?? schema.additionalProperties;
    return inner === undefined || inner === false
      ? [`${path}.${key} is unknown`]
      : faults(part, inner, `${path}.${key}`);
  });
}

it('brings the definitions of the repository along', () => {
  expect(lstatSync(join(CHART, 'crds')).isSymbolicLink()).toBe(true);
  expect(readdirSync(join(CHART, 'crds'))).toEqual(readdirSync(join(CHART, '../../crds')));
});
