import { setTimeout } from 'node:timers/promises';
import { type AnyObject, type KubeClient, type KubeFault, RESOURCES } from '@muslin/kube';
import { fail, ok, type Result } from '@muslin/net';
import { type KeyPair, Signer } from './signer.ts';

/** The Secret with the authority's key, and the ConfigMap with its certificate, which agents mount. */
export const AUTHORITY_SECRET = 'muslin-fanout-authority';
export const AUTHORITY_MAP = 'muslin-fanout';

const RETRY_MS = 2_000;

/**
 * The authority of this cluster's fan-out: whichever controller comes first makes it, all others read it. Tries until the
 * API server answers; throws only for a Secret that holds no authority, which people must mend.
 */
export async function clusterAuthority(
  client: KubeClient,
  namespace: string,
  log: (line: string) => void,
): Promise<Signer> {
  const secret = await persist(() => readOrMake(client, namespace), log);
  let signer: Signer;
  try {
    signer = await Signer.read(secret);
  } catch (error) {
    throw new Error(
      `Secret ${namespace}/${AUTHORITY_SECRET} holds no authority (${(error as Error).message}): delete it and restart the controllers`,
    );
  }
  await persist(() => publish(client, namespace, signer.cert), log);
  return signer;
}

async function persist<T>(
  step: () => Promise<Result<T, KubeFault>>,
  log: (line: string) => void,
): Promise<T> {
  for (;;) {
    const done = await step();
    if (done.ok) return done.value;
    log(`fan-out: its authority can't be had: ${done.fault.message}; trying again`);
    await setTimeout(RETRY_MS);
  }
}

async function readOrMake(client: KubeClient, namespace: string): Promise<Result<KeyPair, KubeFault>> {
  const name = { namespace, name: AUTHORITY_SECRET };
  const read = await client.get<AnyObject>(RESOURCES.Secret, name);
  if (read.ok) return ok(pairOf(read.value));
  if (read.fault.code !== 'NotFound') return read;
  const pair = await Signer.make('muslin-fanout');
  const secret = {
    ...{ apiVersion: 'v1', kind: 'Secret', metadata: name, type: 'kubernetes.io/tls' },
    data: { 'tls.crt': base64(pair.cert), 'tls.key': base64(pair.key) },
  };
  const made = await client.create<AnyObject>(RESOURCES.Secret, secret);
  if (made.ok) return ok(pair);
  // Another replica was faster: its authority is the one.
  if (made.fault.code !== 'AlreadyExists') return fail(made.fault);
  const theirs = await client.get<AnyObject>(RESOURCES.Secret, name);
  return theirs.ok ? ok(pairOf(theirs.value)) : theirs;
}

async function publish(
  client: KubeClient,
  namespace: string,
  cert: string,
): Promise<Result<void, KubeFault>> {
  const name = { namespace, name: AUTHORITY_MAP };
  const data = { 'ca.crt': cert };
  const patched = await client.patch(RESOURCES.ConfigMap, name, { type: 'merge', body: { data } });
  if (patched.ok) return ok(undefined);
  if (patched.fault.code !== 'NotFound') return patched;
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: name, data };
  const made = await client.create<AnyObject>(RESOURCES.ConfigMap, object);
  return made.ok || made.fault.code === 'AlreadyExists' ? ok(undefined) : made;
}

function pairOf(secret: AnyObject): KeyPair {
  const data = (secret['data'] ?? {}) as Readonly<Record<string, unknown>>;
  const of = (key: string) => Buffer.from(String(data[key] ?? ''), 'base64').toString('utf8');
  return { cert: of('tls.crt'), key: of('tls.key') };
}

const base64 = (text: string) => Buffer.from(text).toString('base64');
