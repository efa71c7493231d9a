import { spawn } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type AnyObject, KubeClient, loadKubeconfig, RESOURCES } from '@muslin/kube';
import { parseAllDocuments } from 'yaml';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** The lab's API server in a process of its own, with Muslin's definitions. */
export interface StandIn {
  readonly kubeconfig: string;
  readonly client: KubeClient;
  stop(): Promise<void>;
}

/** `definitions`: further CRDs to make. */
export async function startStandIn(definitions: readonly AnyObject[] = []): Promise<StandIn> {
  const dir = mkdtempSync(join(tmpdir(), 'muslinctl-stand-in-'));
  const kubeconfig = `${dir}/kubeconfig`;
  const main = `${ROOT}/packages/lab/src/apiserver/main.ts`;
  const flags = ['--conditions=@muslin/source', '--disable-warning=ExperimentalWarning', main];
  const server = spawn(process.execPath, [...flags, '--kubeconfig', kubeconfig], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  for await (const line of createInterface({ input: server.stdout }))
    if (line.includes('"ready":true')) break;
  const connection = loadKubeconfig({ path: kubeconfig });
  if (!connection.ok) throw new Error(connection.fault.message);
  const client = new KubeClient(connection.value, { userAgent: 'test' });
  const stop = async () => {
    await client.close();
    server.kill();
    rmSync(dir, { recursive: true, force: true });
  };
  const crds = globSync('crds/*.yaml', { cwd: ROOT }).flatMap(file =>
    parseAllDocuments(readFileSync(`${ROOT}/${file}`, 'utf8')).map(document => document.toJS() as AnyObject),
  );
  for (const crd of [...crds, ...definitions]) {
    const made = await client.create(RESOURCES.CustomResourceDefinition, crd);
    if (made.ok) continue;
    await stop();
    throw new Error(made.fault.message);
  }
  return { kubeconfig, client, stop };
}

/** A definition that keeps whatever it is given, as those of `crd.projectcalico.org/v1` mostly do. */
export function looseCrd(
  group: string,
  version: string,
  plural: string,
  kind: string,
  namespaced: boolean,
): AnyObject {
  const open = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      names: { plural, kind, singular: kind.toLowerCase(), listKind: `${kind}List` },
      scope: namespaced ? 'Namespaced' : 'Cluster',
      versions: [{ name: version, served: true, storage: true, schema: { openAPIV3Schema: open } }],
    },
  } as unknown as AnyObject;
}
