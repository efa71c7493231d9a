/** Error codes of CNI 1.1 §Error: 1–99 are the specification's, from 100 on the plugin's own. */
export const CNI_CODE = {
  incompatibleVersion: 1,
  unsupportedField: 2,
  unknownContainer: 3,
  invalidEnvironment: 4,
  ioFailure: 5,
  decodingFailure: 6,
  invalidConfig: 7,
  invalidNetns: 8,
  tryAgain: 11,
  notAvailable: 50,
  limitedConnectivity: 51,
  internal: 999,
  /** Ours: no address could be assigned; the details say which pools were considered. */
  noAddress: 100,
  /** Ours: CHECK found the sandbox different from what ADD made. */
  checkFailed: 101,
} as const;

/** What a runtime is told when a request can't be served. */
export interface CniFault {
  /** One of `CNI_CODE`, or what a delegated plugin said. */
  readonly code: number;
  readonly message: string;
  readonly details?: string;
}
