import { type Family, formatIp, formatPortRange, type Ip, type PortRange } from '@muslin/net';
import { word } from './match-row.ts';
import { hex32 } from './matches/mark.ts';

/** What a rule does to a packet that meets all its conditions. */
export type Action =
  | { readonly kind: 'accept' }
  | { readonly kind: 'drop' }
  /** Drops it, and tells its sender that the port is not reached (RFC 1812 §5.2.7.1, RFC 4443 §3.1). */
  | { readonly kind: 'reject'; readonly family: Family }
  /** Back to the rule after the `jump` that led here; out of our chains when there is none. */
  | { readonly kind: 'return' }
  | { readonly kind: 'jump'; readonly chain: string }
  /** Like `jump`, but its end returns to where this chain would have returned. */
  | { readonly kind: 'goto'; readonly chain: string }
  /** `goto` the chain of the packet's interface; an interface that is not listed goes on to the next rule. */
  | {
      readonly kind: 'dispatch';
      readonly by: 'in' | 'out';
      readonly name: string;
      readonly chains: ReadonlyMap<string, string>;
      /** What follows says the same more slowly: `lower` leaves it out where interfaces are compared one by one. */
      readonly shortcut?: true;
    }
  /** mark = (mark & ~mask) | value, and on to the next rule. */
  | { readonly kind: 'mark'; readonly value: number; readonly mask: number }
  /** Gives the connection's sender the address of the interface by which it leaves. Ports: of a rule for TCP or UDP alone. */
  | { readonly kind: 'masquerade'; readonly ports?: PortRange | undefined }
  /** Gives it this address of the rule's family. */
  | { readonly kind: 'snat'; readonly ip: Ip; readonly ports?: PortRange | undefined }
  /** Sends the connection to an address of the rule's family instead, and to a port, or to the one that it asked for. */
  | { readonly kind: 'dnat'; readonly ip: Ip; readonly port: number | undefined }
  | { readonly kind: 'notrack' }
  | { readonly kind: 'log'; readonly prefix: string }
  /** Tells listeners of an NFLOG group, no more often than `perSecond` when given. */
  | {
      readonly kind: 'nflog';
      readonly group: number;
      readonly prefix: string;
      readonly perSecond?: number;
    };

/** A decision that ends the traversal of our chains. `return`: left to whatever rules others have. */
export type Verdict = 'accept' | 'drop' | 'return' | 'masquerade' | 'snat' | 'dnat';

/** Where the traversal goes after an action. */
export type Step =
  | { readonly to: 'next'; readonly mark?: (mark: number) => number; readonly logged?: string }
  | { readonly to: 'verdict'; readonly verdict: Verdict }
  | { readonly to: 'return' }
  | { readonly to: 'chain'; readonly chain: string; readonly comesBack: boolean };

interface ActionRow<A> {
  iptables(action: A): readonly string[];
  nft(action: A): string;
  step(action: A, names: { readonly in?: string; readonly out?: string }): Step;
}

const prefixWord = (text: string, max: number) =>
  `"${text.replace(/[^A-Za-z0-9 ._/:=-]/g, '_').slice(0, max)}"`;

const socketText = (ip: Ip, port: number | string | undefined) => {
  if (port === undefined) return formatIp(ip);
  return ip.family === 6 ? `[${formatIp(ip)}]:${port}` : `${formatIp(ip)}:${port}`;
};

/** As translations name them in either back end: `80` or `80-90`. */
const portsText = (ports: PortRange | undefined) =>
  ports === undefined ? undefined : formatPortRange(ports).replace(':', '-');

const REJECTION = {
  4: { iptables: 'icmp-port-unreachable', nft: 'icmp port-unreachable' },
  6: { iptables: 'icmp6-port-unreachable', nft: 'icmpv6 port-unreachable' },
} as const;

const NEXT: Step = { to: 'next' };

/** One row per kind of action. The longest log prefixes: 29 characters for LOG, 63 for NFLOG. */
const ACTIONS: { readonly [K in Action['kind']]: ActionRow<Extract<Action, { kind: K }>> } = {
  accept: {
    iptables: () => ['-j', 'ACCEPT'],
    nft: () => 'accept',
    step: () => ({ to: 'verdict', verdict: 'accept' }),
  },
  drop: {
    iptables: () => ['-j', 'DROP'],
    nft: () => 'drop',
    step: () => ({ to: 'verdict', verdict: 'drop' }),
  },
  reject: {
    iptables: a => ['-j', 'REJECT', '--reject-with', REJECTION[a.family].iptables],
    nft: a => `reject with ${REJECTION[a.family].nft}`,
    step: () => ({ to: 'verdict', verdict: 'drop' }),
  },
  return: { iptables: () => ['-j', 'RETURN'], nft: () => 'return', step: () => ({ to: 'return' }) },
  jump: {
    iptables: a => ['-j', word(a.chain)],
    nft: a => `jump ${word(a.chain)}`,
    step: a => ({ to: 'chain', chain: a.chain, comesBack: true }),
  },
  goto: {
    iptables: a => ['-g', word(a.chain)],
    nft: a => `goto ${word(a.chain)}`,
    step: a => ({ to: 'chain', chain: a.chain, comesBack: false }),
  },
  dispatch: {
    iptables: () => {
      throw new Error('a dispatch must be lowered before it is rendered for iptables');
    },
    nft: a => `${a.by === 'in' ? 'iifname' : 'oifname'} vmap @${word(a.name)}`,
    step: (a, names) => {
      const chain = a.chains.get(names[a.by] ?? '');
      return chain === undefined ? NEXT : { to: 'chain', chain, comesBack: false };
    },
  },
  mark: {
    iptables: a => ['-j', 'MARK', '--set-xmark', `${hex32(a.value)}/${hex32(a.mask)}`],
    nft: a => `meta mark set meta mark & ${hex32(~a.mask)} | ${hex32(a.value)}`,
    step: a => ({ to: 'next', mark: mark => ((mark & ~a.mask) | a.value) >>> 0 }),
  },
  masquerade: {
    iptables: ({ ports }) => [
      ...['-j', 'MASQUERADE'],
      ...(ports === undefined ? [] : ['--to-ports', `${portsText(ports)}`]),
      '--random-fully',
    ],
    nft: ({ ports }) => `masquerade${ports === undefined ? '' : ` to :${portsText(ports)}`} fully-random`,
    step: () => ({ to: 'verdict', verdict: 'masquerade' }),
  },
  snat: {
    iptables: a => ['-j', 'SNAT', '--to-source', socketText(a.ip, portsText(a.ports)), '--random-fully'],
    nft: a => `snat to ${socketText(a.ip, portsText(a.ports))} fully-random`,
    step: () => ({ to: 'verdict', verdict: 'snat' }),
  },
  dnat: {
    iptables: a => ['-j', 'DNAT', '--to-destination', socketText(a.ip, a.port)],
    nft: a => `dnat to ${socketText(a.ip, a.port)}`,
    step: () => ({ to: 'verdict', verdict: 'dnat' }),
  },
  notrack: { iptables: () => ['-j', 'CT', '--notrack'], nft: () => 'notrack', step: () => NEXT },
  log: {
    iptables: a => ['-j', 'LOG', '--log-prefix', prefixWord(a.prefix, 29)],
    nft: a => `log prefix ${prefixWord(a.prefix, 63)}`,
    step: a => ({ to: 'next', logged: a.prefix }),
  },
  nflog: {
    iptables: a => [
      ...(a.perSecond === undefined
        ? []
        : ['-m', 'limit', '--limit', `${a.perSecond}/second`, '--limit-burst', `${a.perSecond}`]),
      ...['-j', 'NFLOG', '--nflog-group', `${a.group}`, '--nflog-prefix', prefixWord(a.prefix, 63)],
    ],
    nft: a => {
      const limit =
        a.perSecond === undefined ? '' : `limit rate ${a.perSecond}/second burst ${a.perSecond} packets `;
      return `${limit}log group ${a.group} prefix ${prefixWord(a.prefix, 63)}`;
    },
    step: a => ({ to: 'next', logged: a.prefix }),
  },
};

const rowOf = (action: Action) => ACTIONS[action.kind] as ActionRow<Action>;

/** The action as words of an iptables rule. */
export function iptablesAction(action: Action): readonly string[] {
  return rowOf(action).iptables(action);
}

/** The action as an nftables statement. */
export function nftAction(action: Action): string {
  return rowOf(action).nft(action);
}

/** What the action does to the traversal. */
export function stepOf(action: Action, names: { readonly in?: string; readonly out?: string }): Step {
  return rowOf(action).step(action, names);
}

/** The chains an action can lead to. */
export function chainsOf(action: Action): readonly string[] {
  if (action.kind === 'jump' || action.kind === 'goto') return [action.chain];
  return action.kind === 'dispatch' ? [...action.chains.values()] : [];
}
