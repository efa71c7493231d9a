import { type ChildProcess, spawn } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type AnyObject, KubeClient, loadKubeconfig, RESOURCES, type Resource } from '@muslin/kube';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { KINDS } from './kinds.ts';
import { CASES, kindOf, nameOf, objectsOf } from './installation.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
let dir: string;
let server: ChildProcess;
let client: KubeClient;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'muslin-deploy-'));
  const main = `${ROOT}/packages/lab/src/apiserver/main.ts`;
  const args = ['--conditions=@muslin/source', '--disable-warning=ExperimentalWarning', main];
  server = spawn(process.execPath, [...args, '--kubeconfig', `${dir}/kubeconfig`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  for await (const line of createInterface({ input: server.stdout! }))
    if (line.includes('"ready":true')) break;
  const connection = loadKubeconfig({ path: `${dir}/kubeconfig` });
  if (!connection.ok) throw new Error(connection.fault.message);
  client = new KubeClient(connection.value, { userAgent: 'deploy-test' });
  for (const file of globSync('crds/*.yaml', { cwd: ROOT }))
    for (const document of parseAllDocuments(readFileSync(`${ROOT}/${file}`, 'utf8'))) {
      const crd = document.toJS() as AnyObject;
      const made = await client.create(RESOURCES.CustomResourceDefinition, crd);
      expect(made.ok ? '' : made.fault.message).toBe('');
    }
});
afterAll(async () => {
  await client?.close();
  server?.kill();
  rmSync(dir, { recursive: true, force: true });
});

const resourceOf = (object: AnyObject): Resource | undefined =>
  Object.values(RESOURCES).find(
    r =>
      r.kind === object.kind &&
      object.apiVersion === (r.group === '' ? r.version : `${r.group}/${r.version}`),
  );

it.each(Object.entries(CASES))(
  'an API server takes every object of an installation %s',
  async (_name, changes) => {
    for (const object of objectsOf(changes) as readonly AnyObject[]) {
      // Kinds that this server doesn't serve have a shape of their own, which manifests.test.ts holds them to.
      if (KINDS[kindOf(object)] !== undefined) continue;
      const resource = resourceOf(object);
      expect(resource, nameOf(object)).toBeDefined();
      const { name = '', namespace } = object.metadata;
      const done = await client.patch(
        resource as Resource,
        { name, ...(namespace === undefined ? {} : { namespace }) },
        { type: 'apply', body: object },
        { fieldManager: 'test', force: true, fieldValidation: 'Strict' },
      );
      expect(done.ok ? '' : done.fault.message, nameOf(object)).toBe('');
    }
  },
);

it('pods of every workload are pods that the API server takes', async () => {
  for (const object of objectsOf(CASES['everything on'] ?? {})) {
    const template = object.spec?.template;
    if (template === undefined) continue;
    const name = `${object.metadata.name}-0`;
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { ...template.metadata, name, namespace: 'kube-system' },
      spec: template.spec,
    };
    const made = await client.create(RESOURCES.Pod, pod as AnyObject, { fieldValidation: 'Strict' });
    expect(made.ok ? '' : made.fault.message, name).toBe('');
  }
});
