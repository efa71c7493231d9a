/**
 * The second witness: what nodes themselves say about addresses. A node that did not report lately is absent; a report
 * that is older than the address it is asked about must not be given.
 */
export interface NodeReports {
  /** By node: the addresses that its kernel has for pods and tunnels, as text. */
  onHost(): Promise<ReadonlyMap<string, ReadonlySet<string>>>;
}

/** No node can be heard yet, so that the only second proof is that the node is gone. */
export const NO_REPORTS: NodeReports = { onHost: async () => new Map() };
