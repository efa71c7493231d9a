/** A field that Muslin keeps and does not act on, unless it has one of the harmless values (as JSON). */
export interface UnsupportedField {
  readonly kind: string;
  readonly field: string;
  readonly harmless: readonly string[];
  readonly reason: string;
}

/**
 * By what page `docs/migration-from-calico.md` promises; a row goes when its field is acted on. Those of a FelixConfiguration
 * are findings of its reading.
 */
export const UNSUPPORTED: readonly UnsupportedField[] = [
  {
    ...{ kind: 'BGPPeer', field: 'localWorkloadSelector', harmless: [] },
    reason: 'kept, not acted on: nodes do not peer with their own pods',
  },
];
