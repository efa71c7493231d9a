/** One figure. With a peer: what the same machine gave for something to compare with, in the same unit. */
export interface Figure {
  readonly suite: 'policy';
  readonly case: string;
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly peer?: string;
  readonly peerValue?: number;
}

/** Takes figures as they are found. */
export type Emit = (figure: Figure) => void;
