import { fail, formatPrefix, ok, parsePrefix, type Prefix, type Result } from '@muslin/net';

/** How a node finds the address that others know it by: Calico's methods (`IP_AUTODETECTION_METHOD`). */
export type AutodetectMethod =
  /** The Node's first InternalIP of the family, which kubelet tells. */
  | { readonly kind: 'kubernetes-internal-ip' }
  /** The first address of the first interface that looks like the node's own. */
  | { readonly kind: 'first-found' }
  /** The source of packets to a destination: an address, or a name that is resolved. */
  | { readonly kind: 'can-reach'; readonly destination: string }
  /** The first address of interfaces that match, in the order of the expressions. */
  | { readonly kind: 'interface'; readonly patterns: readonly RegExp[] }
  /** `first-found` without interfaces that match. */
  | { readonly kind: 'skip-interface'; readonly patterns: readonly RegExp[] }
  /** The first address inside one of the prefixes. */
  | { readonly kind: 'cidr'; readonly cidrs: readonly Prefix[] };

/** Another default than Calico's `first-found`, which takes the wrong one of two networks too often. */
export const DEFAULT_METHOD: AutodetectMethod = { kind: 'kubernetes-internal-ip' };

const LONGEST = 512;

/** Reads a method; the fault is a sentence about what was written. */
export function readMethod(text: string): Result<AutodetectMethod, string> {
  const [, kind = '', argument] = /^([a-z0-9-]+)(?:=(.*))?$/s.exec(text.trim()) ?? [];
  const given = (argument ?? '').split(',').map(part => part.trim());
  const empty = argument === undefined || given.some(part => part === '');
  if (text.length > LONGEST) return fail(`has more than ${LONGEST} characters`);
  switch (kind) {
    case 'kubernetes-internal-ip':
    case 'first-found':
      return argument === undefined ? ok({ kind }) : fail(`${kind} takes no value`);
    case 'can-reach':
      if (empty || given.length > 1) return fail('can-reach takes one address or name: can-reach=192.0.2.1');
      return ok({ kind, destination: given[0] ?? '' });
    case 'interface':
    case 'skip-interface': {
      if (empty) return fail(`${kind} takes regular expressions, separated by commas: ${kind}=eth.*`);
      const patterns: RegExp[] = [];
      for (const part of given) {
        try {
          patterns.push(new RegExp(part));
        } catch {
          return fail(`"${part}" is no regular expression`);
        }
      }
      return ok({ kind, patterns });
    }
    case 'cidr': {
      if (empty) return fail('cidr takes prefixes, separated by commas: cidr=192.0.2.0/24');
      const cidrs: Prefix[] = [];
      for (const part of given) {
        const cidr = parsePrefix(part);
        if (!cidr.ok) return fail(`"${part}" is no prefix such as 192.0.2.0/24`);
        cidrs.push(cidr.value);
      }
      return ok({ kind, cidrs });
    }
    default:
      return fail(
        `"${text}" is no method: take kubernetes-internal-ip, first-found, can-reach=, interface=, skip-interface= or cidr=`,
      );
  }
}

/** The method as people write it. */
export function methodText(method: AutodetectMethod): string {
  switch (method.kind) {
    case 'kubernetes-internal-ip':
    case 'first-found':
      return method.kind;
    case 'can-reach':
      return `can-reach=${method.destination}`;
    case 'interface':
    case 'skip-interface':
      return `${method.kind}=${method.patterns.map(pattern => pattern.source).join()}`;
    case 'cidr':
      return `cidr=${method.cidrs.map(formatPrefix).join()}`;
    default:
      return method satisfies never;
  }
}
