import type { Input, Output } from '@muslin/bgp';

type Dial = Output & { readonly kind: 'dial' };

/** Where the gate stands: between the sockets and the speaker. */
export interface GateSides {
  readonly feed: (input: Input) => void;
  readonly dial: (output: Dial) => void;
}

/**
 * Makes a connection collision (RFC 4271 §6.8) out of what is otherwise a matter of milliseconds: our call is held back
 * until the peer has called, and nothing of either call is heard before the peer's OPEN is there on both.
 */
export class CollisionGate {
  readonly #sides: GateSides;
  /** The last call that was wanted; the earlier ones were given up by then. */
  #dial: Dial | undefined;
  readonly #heard: Input[] = [];
  #called = false;
  #open = false;

  constructor(sides: GateSides) {
    this.#sides = sides;
  }

  wanted(output: Dial): void {
    if (this.#called) this.#sides.dial(output);
    else this.#dial = output;
  }

  arrived(input: Input): void {
    if (this.#open || !('connection' in input)) {
      this.#sides.feed(input);
      return;
    }
    // Octets are lent for the length of the call.
    this.#heard.push(input.kind === 'bytes' ? { ...input, bytes: input.bytes.slice() } : input);
    if (input.kind === 'accepted' && !this.#called) {
      this.#called = true;
      if (this.#dial !== undefined) this.#sides.dial(this.#dial);
    }
    if (!this.#called || !input.connection.startsWith('out-') || input.kind === 'connected') return;
    this.#open = true;
    // The connections first: with an OPEN on each, both are there when they are compared.
    const heard = this.#heard.splice(0);
    for (const held of heard) if (held.kind !== 'bytes') this.#sides.feed(held);
    for (const held of heard) if (held.kind === 'bytes') this.#sides.feed(held);
  }
}
