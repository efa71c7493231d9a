import { parse } from 'yaml';
import { readFileSync } from 'node:fs';
import { fail, ok, type Result } from '@muslin/net';
import { textAt } from '../files/json.ts';
import { reasonOf } from '../files/walk.ts';

/** The kubeconfig that a configuration file of calicoctl names (CalicoAPIConfig, spec.kubeconfig); undefined when none. */
export async function kubeconfigOf(path: string): Promise<Result<string | undefined, string>> {
  let config: unknown;
  try {
    config = parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    return fail(`${path}: ${reasonOf(cause)}`);
  }
  const store = textAt(config, 'spec', 'datastoreType') ?? 'kubernetes';
  if (store !== 'kubernetes')
    return fail(
      `${path}: datastoreType ${store} is not here: Muslin keeps its objects in the Kubernetes API`,
    );
  return ok(textAt(config, 'spec', 'kubeconfig'));
}
