import type { Prefix } from '@muslin/net';
import { Speaker } from '../speaker.ts';
import type { SpeakerOptions } from '../speaker/speaker-options.ts';
import type { Input } from '../speaker/input.ts';
import type { Output } from '../speaker/output.ts';
import type { OwnRoute } from '../speaker/own-route.ts';
import type { PeerConfig, PeerId } from '../speaker/peer-config.ts';
import type { RouteFamily } from '../wire/route-family.ts';
import { encodeEntry } from './journal-codec.ts';
import type { SpeakerCall } from './journal-entry.ts';

/**
 * A speaker that writes down every call that changes it, with a check sum of what came of it. As a speaker is a function
 * of its inputs, `replay` gives the same bytes again. A speaker knows no passwords, so a journal holds none.
 */
export class RecordedSpeaker extends Speaker {
  readonly #write: (entry: Uint8Array) => void;

  /** `write` takes each entry, in order, as it is made. */
  constructor(options: SpeakerOptions, write: (entry: Uint8Array) => void) {
    super(options);
    this.#write = write;
    write(encodeEntry({ call: 'begin', options }, []));
  }

  override setPeer(config: PeerConfig, now?: number): Output[] {
    const call = { call: 'setPeer', config, ...(now !== undefined && { now }) } as const;
    return this.#note(call, super.setPeer(config, now));
  }

  override removePeer(id: PeerId, reason?: string, now?: number): Output[] {
    const call: SpeakerCall = {
      call: 'removePeer',
      id,
      ...(reason !== undefined && { reason }),
      ...(now !== undefined && { now }),
    };
    return this.#note(call, super.removePeer(id, reason, now));
  }

  override shutDown(options: { readonly graceful?: boolean; readonly text?: string } = {}): Output[] {
    return this.#note({ call: 'shutDown', options }, super.shutDown(options));
  }

  override handle(input: Input, now: number): Output[] {
    const call = { call: 'handle', input, now } as const;
    return this.#note(call, super.handle(input, now));
  }

  override originate(prefix: Prefix, route: OwnRoute = {}): Output[] {
    return this.#note({ call: 'originate', prefix, route }, super.originate(prefix, route));
  }

  override withdraw(prefix: Prefix): Output[] {
    return this.#note({ call: 'withdraw', prefix }, super.withdraw(prefix));
  }

  override requestRefresh(id: PeerId, family: RouteFamily): Output[] {
    return this.#note({ call: 'requestRefresh', id, family }, super.requestRefresh(id, family));
  }

  #note(call: SpeakerCall, outputs: Output[]): Output[] {
    this.#write(encodeEntry(call, outputs));
    return outputs;
  }
}
