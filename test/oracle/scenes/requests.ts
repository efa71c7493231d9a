import type { Question, Scene } from '../question.ts';
import { ANIMALS, animal } from './animals.ts';

const POOLS = '/apis/projectcalico.org/v3/ippools';
const body = animal('a', { color: 'red' });
const YAML = `apiVersion: zoo.example.org/v1
kind: Animal
metadata: {name: a}
spec:
  color: red   # as a person writes it
`;

/** Bodies, media types, methods and paths that a server takes or not. */
export function requestScene(): Scene {
  const post = (say: string, sent: unknown, headers: Record<string, string> = {}, query = ''): Question => ({
    say,
    method: 'POST',
    path: `${ANIMALS}?dryRun=All${query}`,
    body: sent,
    headers,
  });
  const get = (say: string, path: string, headers: Record<string, string> = {}): Question => ({
    say,
    path,
    headers,
  });
  const accepts = [
    'application/json',
    '*/*',
    'application/*',
    '',
    'text/html',
    'text/html, */*;q=0.1',
    'application/yaml',
    'application/vnd.kubernetes.protobuf',
    'application/vnd.kubernetes.protobuf,application/json',
    'application/json;as=Table;v=v1;g=meta.k8s.io,application/json',
    'application/json;as=Table;v=v1;g=meta.k8s.io',
    'application/json;as=Table;v=v9;g=meta.k8s.io',
    'application/json;as=Chair;v=v1;g=meta.k8s.io',
    'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io',
    'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io',
    'image/png',
  ];
  const methods: readonly [Question['method'], string][] = [
    ['PUT', ANIMALS],
    ['PATCH', ANIMALS],
    ['POST', `${ANIMALS}/a`],
    ['POST', `${ANIMALS}/a/status`],
    ['DELETE', `${ANIMALS}/a/status`],
    ['DELETE', '/apis/zoo.example.org/v1/animals'],
    ['POST', '/apis/zoo.example.org/v1/animals'],
    ['PUT', POOLS],
    ['POST', '/apis/zoo.example.org/v1'],
  ];
  const paths = [
    `${ANIMALS}/nobody`,
    `${ANIMALS}/nobody/status`,
    `${ANIMALS}/nobody/scale`,
    `${ANIMALS}/nobody/legs`,
    `${ANIMALS}/nobody/status/more`,
    '/apis/zoo.example.org/v1/animals',
    '/apis/zoo.example.org/v1/animals/nobody',
    '/apis/zoo.example.org/v1/plants',
    '/apis/zoo.example.org/v2/animals',
    '/apis/zoo.example.org/v2',
    '/apis/zoo.example.org',
    '/apis/zoo.example.org/v1',
    '/apis/nowhere.example.org',
    '/apis/nowhere.example.org/v1',
    '/apis/nowhere.example.org/v1/things',
    '/apis/projectcalico.org',
    '/apis/projectcalico.org/v3',
    '/apis/muslin.dev/v1alpha1',
    `${POOLS}/none`,
    '/apis/projectcalico.org/v3/namespaces/default/ippools',
    '/apis/projectcalico.org/v3/namespaces/default/ippools/none',
    '/apis/projectcalico.org/v3/networkpolicies',
    '/apis/projectcalico.org/v3/networkpolicies/none',
  ];
  return {
    name: 'requests',
    questions: [
      post('YAML', YAML, { 'content-type': 'application/yaml' }),
      post('YAML of two documents', `${YAML}---\n${YAML}`, { 'content-type': 'application/yaml' }),
      post('YAML with a key twice', `${YAML}  color: blue\n`, { 'content-type': 'application/yaml' }),
      post(
        'YAML with a key twice, Strict',
        `${YAML}  color: blue\n`,
        { 'content-type': 'application/yaml' },
        '&fieldValidation=Strict',
      ),
      post('YAML that is none', 'a: [', { 'content-type': 'application/yaml' }),
      post('YAML told as JSON', YAML),
      post('half of a JSON', '{'),
      post('JSON and more', `${JSON.stringify(body)} more`),
      post('a JSON list', '[]'),
      post('a JSON text', '"text"'),
      post('null', 'null'),
      post('an empty body', ''),
      post('a charset', body, { 'content-type': 'application/json; charset=utf-8' }),
      post('no content type', body, { 'content-type': '' }),
      post('text/plain', body, { 'content-type': 'text/plain' }),
      post('a form', 'a=b', { 'content-type': 'application/x-www-form-urlencoded' }),
      post('content type that is no media type', body, { 'content-type': ';;' }),
      post('many bytes', JSON.stringify({ ...body, spec: { free: { x: 'x'.repeat(3_200_000) } } })),
      {
        say: 'made',
        method: 'POST',
        path: ANIMALS,
        body: animal('a', { color: 'red', count: 2, born: '2020-01-01T00:00:00Z' }),
      },
      ...accepts.map(accept => get(`get, accept "${accept}"`, `${ANIMALS}/a`, { accept })),
      ...accepts.map(accept => get(`list, accept "${accept}"`, ANIMALS, { accept })),
      ...methods.map(([method, path]) => ({ say: `${method} ${path}`, method: method ?? 'GET', path, body })),
      ...paths.map(path => get(`GET ${path}`, path)),
      { say: 'gone', method: 'DELETE', path: `${ANIMALS}/a` },
    ],
  };
}
