import { fail, ok, type Result } from '@muslin/net';
import type { PeerCertificate } from 'node:tls';

/** Kubernetes gives kubelets certificates of this name (certificates.k8s.io `kube-apiserver-client-kubelet`). */
const PREFIX = 'system:node:';

/** The node that a verified client certificate is for, or the sentence that says why it is for none. */
export function nodeOfCertificate(certificate: PeerCertificate | undefined): Result<string, string> {
  const subject = certificate?.subject as { readonly CN?: unknown } | undefined;
  const name = subject?.CN;
  if (typeof name !== 'string')
    return fail('the client certificate names nobody: its CN must be system:node:NODE');
  if (!name.startsWith(PREFIX) || name.length === PREFIX.length)
    return fail(
      `the client certificate is for ${JSON.stringify(name)}, which is no node: its CN must be system:node:NODE`,
    );
  return ok(name.slice(PREFIX.length));
}
