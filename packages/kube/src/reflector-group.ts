import type { Freshness } from './reflector.ts';

/** The part of a reflector that a group needs. */
export interface Reflecting {
  readonly synced: boolean;
  readonly freshness: Freshness;
  whenSynced(): Promise<void>;
  start(): void;
  stop(): Promise<void>;
}

/** Several reflectors that begin and end together. */
export class ReflectorGroup {
  readonly members: readonly Reflecting[];

  constructor(members: readonly Reflecting[]) {
    this.members = members;
  }

  start(): void {
    for (const member of this.members) member.start();
  }

  async stop(): Promise<void> {
    await Promise.all(this.members.map(member => member.stop()));
  }

  /** Whether every member has seen a complete list. */
  get synced(): boolean {
    return this.members.every(member => member.synced);
  }

  /** Resolves when every member has seen a complete list. */
  async whenSynced(): Promise<void> {
    await Promise.all(this.members.map(member => member.whenSynced()));
  }

  /** The earliest time since which some member is stale; undefined while all are fresh. */
  get staleSince(): number | undefined {
    const times = this.members.map(member => member.freshness.staleSince).filter(time => time !== undefined);
    return times.length === 0 ? undefined : Math.min(...times);
  }
}
