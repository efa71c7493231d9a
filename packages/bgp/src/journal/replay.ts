import { Speaker } from '../speaker.ts';
import type { Output } from '../speaker/output.ts';
import { digestOf } from './digest.ts';
import type { JournalEntry, SpeakerCall } from './journal-entry.ts';
import { encodeValue } from './value-bytes.ts';

/** One step of a replay: the entry, and what the same call gives now. */
export interface ReplayStep {
  readonly entry: JournalEntry;
  readonly outputs: readonly Output[];
  /**
   * `same` octet for octet; `differs`; `skipped`, as the journal begins in the middle of a speaker's life, and what the
   * speaker knew before is lost.
   */
  readonly result: 'same' | 'differs' | 'skipped';
}

/** Does all calls of a journal again, on a speaker of this program, and compares what comes of them. */
export class Replay {
  #speaker: Speaker | undefined;

  /** The speaker as it is after the steps so far. */
  get speaker(): Speaker | undefined {
    return this.#speaker;
  }

  step(entry: JournalEntry): ReplayStep {
    const outputs = this.#perform(entry.call);
    if (outputs === undefined) return { entry, outputs: [], result: 'skipped' };
    const same = outputs.length === entry.outputs && digestOf(encodeValue(outputs)) === entry.digest;
    return { entry, outputs, result: same ? 'same' : 'differs' };
  }

  #perform(call: SpeakerCall): Output[] | undefined {
    if (call.call === 'begin') {
      this.#speaker = new Speaker(call.options);
      return [];
    }
    const speaker = this.#speaker;
    if (speaker === undefined) return undefined;
    switch (call.call) {
      case 'setPeer':
        return speaker.setPeer(call.config, call.now);
      case 'removePeer':
        return speaker.removePeer(call.id, call.reason, call.now);
      case 'shutDown':
        return speaker.shutDown(call.options);
      case 'handle':
        return speaker.handle(call.input, call.now);
      case 'originate':
        return speaker.originate(call.prefix, call.route);
      case 'withdraw':
        return speaker.withdraw(call.prefix);
      case 'requestRefresh':
        return speaker.requestRefresh(call.id, call.family);
      default:
        return call satisfies never;
    }
  }
}
