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
  const said = message.startsWith(head) ? message.slice(head.length) : message;
  const invalid = /^.* is invalid: /.exec(said)?.[0];
  const causes = causesOf(fault).map(({ field, message: why }) => `${field}: ${why}`);
  return invalid === undefined || causes.length === 0 ? said : `${invalid}${causes.join('; ')}`;
}

/** Rules are asked when the shape is right: the server says so in a cause of its own, which names no field and mends nothing. */
const UNCHECKED = /some validation rules were not checked because the object was invalid/;

/** One thing that the server has against an object. */
export interface FieldFault {
  readonly field: string;
  readonly message: string;
}

/** What the server has against which field, each once; empty when it names none. */
export function causesOf({ details, message: whole }: KubeFault): readonly FieldFault[] {
  const causes = (details?.causes ?? []).map(({ field = '', message = '' }) => ({ field, message }));
  if (causes.length === 0) return shapeFaults(whole);
  return causes.filter(
    ({ field, message }, i) =>
      !UNCHECKED.test(message) &&
      causes.findIndex(other => other.field === field && other.message === message) === i,
  );
}

const SHAPE = /failed to create typed patch object \([^)]*\): (?:errors:\s*)?(.*)$/s;

/** Server-side apply answers an object of the wrong shape with a 500 (structured-merge-diff), though it is the object that is wrong. */
function shapeFaults(message: string): readonly FieldFault[] {
  const lines = SHAPE.exec(message)?.[1]?.split('\n') ?? [];
  return lines.flatMap(line => {
    const [, field, why] = /^\s*\.(.*?): (.*)$/.exec(line) ?? [];
    if (field === undefined || why === undefined) return [];
    return [{ field, message: shapeText(why) }];
  });
}

const SHAPES: Readonly<Record<string, string>> = {
  string: 'must be a text',
  numeric: 'must be a number',
  boolean: 'must be true or false',
  list: 'must be a list',
  map: 'must be an object',
};

function shapeText(why: string): string {
  if (why === 'field not declared in schema') return 'there is no such field';
  const twice = /^duplicate entries for key (.*)$/.exec(why)?.[1];
  if (twice !== undefined) return `${twice} is there twice`;
  return SHAPES[/^expected (\w+)/.exec(why)?.[1] ?? ''] ?? why;
}

/** A 404 without a reason: not the object, but the whole kind is unknown to the server. */
export function isNotServed({ code, reason }: KubeFault): boolean {
  return code === 'NotFound' && reason === undefined;
}
