import {
  type ConnectionWitness,
  diagnose,
  type Finding,
  type KernelWitness,
  type PeerView,
} from '@muslin/bgp';
import type { PeerType } from './desired-peer.ts';

/** A peer as people see it: what the speaker knows of it, and where it comes from. */
export interface PeerReport extends PeerView {
  readonly type: PeerType;
  readonly asNumber: number;
  /** Why it must not be up, in words. */
  readonly held: string | undefined;
  /** How BFD sees it; undefined: it isn't asked. */
  readonly bfd: 'waiting' | 'up' | 'down' | 'adminDown' | undefined;
  /** What the kernel did with the segments of a session that is not up. */
  readonly losses?: ConnectionWitness;
}

/** In words: why the session is not up; undefined when it is, or when nothing is known yet. */
export function errorOf(peer: PeerReport): string | undefined {
  if (peer.held !== undefined) return peer.held;
  return peer.state === 'Established' ? undefined : (peer.connectError ?? peer.lastError);
}

/** What is the matter with the session, in one sentence. */
export function findingOf(peer: PeerReport, now: number, witness: KernelWitness): Finding {
  const { held, losses } = peer;
  if (held === undefined) return diagnose(peer, now, { ...witness, ...(losses && { connections: losses }) });
  return { code: 'held-here', severity: 'problem', whose: 'ours', message: sentence(held) };
}

function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

/** Routes over all families. */
export function routeCount(peer: PeerReport, field: 'received' | 'accepted' | 'advertised'): number {
  return peer.families.reduce((sum, family) => sum + family[field], 0);
}
