import type { Child } from '../child.ts';
import type { Topology } from '../topology.ts';
import type { TorKind } from '../options.ts';

/** A session as the router itself sees it. */
export interface RouterSession {
  readonly peer: string;
  readonly established: boolean;
  /** The router's own word for the state. */
  readonly state: string;
}

/** A route that the router learned from the cluster. */
export interface RouterRoute {
  readonly prefix: string;
  readonly nextHops: readonly string[];
}

/** The top-of-rack router: somebody else's BGP daemon in a namespace. */
export interface Router {
  readonly kind: TorKind;
  /** Whether it puts what it learns into its kernel, so that the outside can reach pods. */
  readonly forwards: boolean;
  /** Whether it looks after its neighbours by BFD, too. */
  readonly bfd: boolean;
  start(): Promise<Child>;
  sessions(): Promise<readonly RouterSession[]>;
  routes(): Promise<readonly RouterRoute[]>;
}

/** What a router needs to know to start. */
export interface RouterPlace {
  readonly topology: Topology;
  /** Folder for its configuration, socket and log. */
  readonly folder: string;
}
