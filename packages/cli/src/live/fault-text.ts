import type { KubeFault } from '@muslin/kube';

/** Codes of Node and OpenSSL for a certificate that is not trusted, or is another host's. */
const DISTRUST = /CERT|SELF_SIGNED|UNABLE_TO|SSL|TLS/;

/**
 * What went wrong between here and the API server, with what to do where that is not plain. Of a refusal only what the server
 * said: the person knows what was asked for. A server that failed, and an answer that no Kubernetes API gave, keep the whole story.
 */
export function faultText(fault: KubeFault): string {
  const { code, message, request, status, reason } = fault;
  if (code === 'Unauthorized')
    return `${message}. The API server does not accept the credentials of the kubeconfig: they may have run out, or be another cluster's`;
  if (status === undefined && code === 'Unreachable')
    return DISTRUST.test(reason ?? '')
      ? `${message}. The API server's certificate is not trusted: is certificate-authority in the kubeconfig the one of this cluster?`
      : `${message}. No API server answers there: is it up, and is the address in the kubeconfig right?`;
  if (status === undefined || status >= 500) return message;
  const head = `${request}: ${status} ${reason}: `;
  return message.startsWith(head) ? message.slice(head.length) : message;
}

/** A 404 without a reason: not the object, but the whole kind is unknown to the server. */
export function isNotServed({ code, reason }: KubeFault): boolean {
  return code === 'NotFound' && reason === undefined;
}
