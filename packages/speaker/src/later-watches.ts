import { ReflectorGroup } from '@muslin/kube';

/** Watches that begin when somebody first asks for what they show, and go on from then on. */
export class LaterWatches {
  readonly #make: () => ReflectorGroup['members'];
  #group: ReflectorGroup | undefined;
  #synced: Promise<void> | undefined;

  constructor(make: () => ReflectorGroup['members']) {
    this.#make = make;
  }

  /** Resolves when all that is there was shown. */
  want(): Promise<void> {
    if (this.#synced !== undefined) return this.#synced;
    this.#group = new ReflectorGroup(this.#make());
    this.#group.start();
    this.#synced = this.#group.whenSynced();
    return this.#synced;
  }

  async stop(): Promise<void> {
    await this.#group?.stop();
  }
}
