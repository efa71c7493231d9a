import { type AnyObject, type FanoutEnrolment, type KubeClient, RESOURCES } from '@muslin/kube';
import { fail, ok, type Result } from '@muslin/net';
import type { Signer } from './signer.ts';

/** What tokens of agents are for: one that a controller was shown is of no use at the API server. */
export const AUDIENCE = 'muslin-fanout';

/** How long a node's certificate holds; agents ask for the next one long before. */
export const NODE_CERTIFICATE_MS = 24 * 3_600_000;

/** Who agents are to the API server. */
export interface EnrolmentOptions {
  readonly client: KubeClient;
  readonly signer: Signer;
  readonly namespace: string;
  /** Service account of agents. */
  readonly account: string;
}

/** Kubernetes' names for what a token is bound to (bound service account tokens; the node since 1.30). */
const NODE = 'authentication.kubernetes.io/node-name';
const POD = 'authentication.kubernetes.io/pod-name';
const POD_UID = 'authentication.kubernetes.io/pod-uid';

interface UserInfo {
  readonly username?: string;
  readonly extra?: Readonly<Record<string, readonly string[] | undefined>>;
}

/** A certificate for the node that the API server says the token is bound to; else the sentence that says why not. */
export async function enrol(
  { node, token, publicKey }: FanoutEnrolment,
  { client, signer, namespace, account }: EnrolmentOptions,
): Promise<Result<string, string>> {
  const asked = { metadata: { name: '' }, spec: { token, audiences: [AUDIENCE] } };
  const review = await client.create<AnyObject>(RESOURCES.TokenReview, asked);
  if (!review.ok) return fail(`the API server can't be asked who the agent is: ${review.fault.message}`);
  const { authenticated, user, error } = (review.value['status'] ?? {}) as {
    readonly authenticated?: boolean;
    readonly user?: UserInfo;
    readonly error?: string;
  };
  if (authenticated !== true || user === undefined)
    return fail(`the API server does not know the agent's token${error ? `: ${error}` : ''}`);
  const wanted = `system:serviceaccount:${namespace}:${account}`;
  if (user.username !== wanted) return fail(`the token is of ${user.username}, not of ${wanted}`);
  const own = await nodeOf(user, client, namespace);
  if (!own.ok) return own;
  if (own.value !== node) return fail(`the token is bound to node ${own.value}, not to ${node}`);
  try {
    const commonName = `system:node:${node}`;
    return ok(await signer.certify(publicKey, { commonName, forMs: NODE_CERTIFICATE_MS }));
  } catch {
    return fail('the agent sent no EC P-256 public key');
  }
}

/** The node that a token is bound to: named in it, or that of the pod that is named in it. */
async function nodeOf(
  { extra = {} }: UserInfo,
  client: KubeClient,
  namespace: string,
): Promise<Result<string, string>> {
  const [node] = extra[NODE] ?? [];
  if (node !== undefined) return ok(node);
  const [[name] = [], [uid] = []] = [extra[POD], extra[POD_UID]];
  if (name === undefined || uid === undefined)
    return fail('the token is bound to no node and no pod: agents need a projected service account token');
  const pod = await client.get<AnyObject>(RESOURCES.Pod, { namespace, name });
  if (!pod.ok) return fail(`pod ${namespace}/${name} of the token can't be read: ${pod.fault.message}`);
  const { nodeName } = (pod.value['spec'] ?? {}) as { readonly nodeName?: string };
  return pod.value.metadata.uid === uid && nodeName !== undefined
    ? ok(nodeName)
    : fail(`pod ${namespace}/${name} is another one than the token is bound to`);
}
