import type { Output } from './output.ts';
import type { SpeakerSettings } from './peer.ts';

/** What one call of the speaker knows, and what comes of it; all parts of the speaker share it. */
export interface Turn {
  /** Milliseconds; never goes back. */
  now: number;
  settings: SpeakerSettings;
  outputs: Output[];
}
