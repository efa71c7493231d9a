import type { KubeFault } from '@muslin/kube';

/**
 * What the server said, without the request that it was said about; the person knows what was asked for. An answer
 * that no Kubernetes API gave keeps the whole story.
 */
export function faultText({ message, request, status, reason }: KubeFault): string {
  const head = `${request}: ${status} ${reason}: `;
  return message.startsWith(head) ? message.slice(head.length) : message;
}

/** A 404 without a reason: not the object, but the whole kind is unknown to the server. */
export function isNotServed({ code, reason }: KubeFault): boolean {
  return code === 'NotFound' && reason === undefined;
}
