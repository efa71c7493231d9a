import { fail, formatIp, type Ip, ok, parseIp, type Result } from '@muslin/net';

/** One end of a flow as people name it. */
export type NamedEnd =
  | { readonly kind: 'pod'; readonly namespace: string; readonly name: string }
  | { readonly kind: 'service'; readonly namespace: string; readonly name: string }
  | { readonly kind: 'node'; readonly name: string }
  /** `db.shop`, `db.shop.svc.cluster.local`: the snapshot tells what it is. `home`: namespace of a pod of that name. */
  | { readonly kind: 'dns'; readonly text: string; readonly home: string | undefined }
  | { readonly kind: 'ip'; readonly ip: Ip };

/** DNS-1123, as names of pods, Services and namespaces are. */
const NAME = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/;

/**
 * Reads `shop/web-1`, `web-1` (in `namespace`), `svc/shop/db`, `db.shop.svc`, `node/worker-1`, or an address.
 *
 *     end     = address / "node/" name / [ "pod/" / "svc/" / "service/" ] [ namespace "/" ] name / DNS name
 */
export function parseFlowEnd(text: string, namespace: string | undefined): Result<NamedEnd, string> {
  const ip = parseIp(text.replace(/^\[(.*)\]$/, '$1'));
  if (ip.ok) return ok({ kind: 'ip', ip: ip.value });
  const parts = text.split('/');
  if (parts.length === 1 && /^[a-z0-9-]+(\.[a-z0-9-]+)+\.?$/.test(text))
    return ok({ kind: 'dns', text, home: namespace });
  if (parts.length === 2 && parts[0] === 'node' && NAME.test(parts[1] ?? ''))
    return ok({ kind: 'node', name: parts[1] ?? '' });
  const kind = parts.length > 1 ? KINDS[parts[0] ?? ''] : undefined;
  // A namespace may be called "pod"; then there are two parts, and the first is no kind.
  const names =
    kind !== undefined && (parts.length === 3 || namespace !== undefined) ? parts.slice(1) : parts;
  const [first, second, ...more] = names;
  const home = second === undefined ? namespace : first;
  const name = second ?? first;
  if (home === undefined || name === undefined || more.length > 0 || !NAME.test(home) || !NAME.test(name))
    return fail(
      `${JSON.stringify(text)} is neither namespace/pod, svc/namespace/name, service.namespace, node/name nor an IP address`,
    );
  return ok({ kind: names === parts ? 'pod' : (kind ?? 'pod'), namespace: home, name });
}

const KINDS: Readonly<Record<string, 'pod' | 'service'>> = {
  pod: 'pod',
  svc: 'service',
  service: 'service',
};

/** As people write it: `shop/web-1`, `svc/shop/db`, `10.0.0.1`. */
export function formatNamedEnd(end: NamedEnd): string {
  if (end.kind === 'ip') return formatIp(end.ip);
  if (end.kind === 'dns') return end.text;
  if (end.kind === 'node') return `node/${end.name}`;
  return `${end.kind === 'service' ? 'svc/' : ''}${end.namespace}/${end.name}`;
}
