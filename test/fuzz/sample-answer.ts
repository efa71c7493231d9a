/** The class of one sample. */
export interface SampleAnswer {
  readonly number: number;
  readonly observed: string;
}

/** Addresses that take turns, because some speakers make a peer wait after an error. */
export const ADDRESSES = 60;
