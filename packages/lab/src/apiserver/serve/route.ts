/** A path below /api or /apis, taken apart (Kubernetes API concepts, Resource URIs). */
export interface Route {
  readonly group: string;
  readonly version: string;
  /** '' for cluster-wide paths, also for lists over all namespaces. */
  readonly namespace: string;
  readonly plural: string;
  /** '' for the collection. */
  readonly name: string;
  /** '' for the object itself. */
  readonly subresource: string;
  /** What follows the subresource, as in `services/x/proxy/a/b`. */
  readonly rest: string;
}

/** Parses a resource path; undefined when it is none (discovery, /healthz, …). */
export function parseRoute(path: string): Route | undefined {
  const steps = path
    .split('/')
    .filter(step => step !== '')
    .map(decode);
  const core = steps[0] === 'api';
  if (!core && steps[0] !== 'apis') return undefined;
  const group = core ? '' : (steps[1] ?? '');
  const version = steps[core ? 1 : 2] ?? '';
  let rest = steps.slice(core ? 2 : 3);
  if (rest.length === 0) return undefined;
  let namespace = '';
  const isNamespaceItself = rest.length < 3 || rest[2] === 'status' || rest[2] === 'finalize';
  if (rest[0] === 'namespaces' && !isNamespaceItself) {
    namespace = rest[1] as string;
    rest = rest.slice(2);
  }
  const [plural = '', name = '', subresource = '', ...more] = rest;
  return { group, version, namespace, plural, name, subresource, rest: more.join('/') };
}

function decode(step: string): string {
  try {
    return decodeURIComponent(step);
  } catch {
    return step;
  }
}
