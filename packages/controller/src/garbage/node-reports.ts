import type { Witnesses } from '@muslin/ipam';
import { type AnyObject, type KubeClient, RESOURCES } from '@muslin/kube';
import { fail, ok, type Result } from '@muslin/net';

/** What one node says about addresses (muslin.dev AddressNodeStatus). */
export interface NodeReport {
  readonly node: string;
  /** Another text: the node has looked again. */
  readonly version: string;
  /** As text: what is or may be in use there. */
  readonly addresses: ReadonlySet<string>;
  /** Whether an address that is not listed is not in use there. */
  readonly complete: boolean;
}

/** The second witness: what nodes themselves say about addresses. */
export interface NodeReports {
  all(): Promise<Result<readonly NodeReport[], string>>;
  /** Undefined: the node has told nothing. */
  one(node: string): Promise<Result<NodeReport | undefined, string>>;
}

/** A node's report as this collector has heard it; by its own clock, since those of nodes may be wrong. */
export interface Heard {
  readonly version: string;
  /** First look that saw this version, ms since the epoch. */
  readonly firstAt: number;
  /** Last look that saw another version: the node has looked later than that. Undefined: none did. */
  readonly writtenAfter: number | undefined;
}

/** A node that did not look again for so long is no witness: several times its refresh (four minutes). */
const SILENT_MS = 15 * 60_000;

/** What nodes' reports are worth as witnesses; `heard` is to be given back at the next look. */
export function hear(
  reports: readonly NodeReport[],
  before: ReadonlyMap<string, Heard>,
  lastLook: number,
  now: number,
): { readonly heard: ReadonlyMap<string, Heard>; readonly words: KernelWords } {
  const heard = new Map(
    reports.map(({ node, version }): [string, Heard] => {
      const known = before.get(node);
      if (known?.version === version) return [node, known];
      return [node, { version, firstAt: now, writtenAfter: known === undefined ? undefined : lastLook }];
    }),
  );
  const lively = reports.filter(({ node }) => now - (heard.get(node)?.firstAt ?? now) < SILENT_MS);
  return { heard, words: { ...kernelWords(lively), writtenAfter: afterOf(heard) } };
}

/** What reports say, as witnesses of @muslin/ipam; and since when each proves anything. */
export type KernelWords = Pick<Witnesses, 'onHost' | 'partly'> & {
  /** By node: a look that was surely before the node's. An absent node's report may be older than everything. */
  readonly writtenAfter: ReadonlyMap<string, number>;
};

/** Reports as they are, whatever their age. */
export function kernelWords(reports: readonly NodeReport[]): Pick<Witnesses, 'onHost' | 'partly'> {
  return {
    onHost: new Map(reports.map(({ node, addresses }) => [node, addresses])),
    partly: new Set(reports.filter(({ complete }) => !complete).map(({ node }) => node)),
  };
}

function afterOf(heard: ReadonlyMap<string, Heard>): ReadonlyMap<string, number> {
  return new Map(
    [...heard].flatMap(([node, { writtenAfter }]) =>
      writtenAfter === undefined ? [] : [[node, writtenAfter] as const],
    ),
  );
}

/** Reads AddressNodeStatus objects from the API server itself. */
export function nodeReports(client: KubeClient): NodeReports {
  return {
    async all() {
      const listed = await client.listAll<AnyObject>(RESOURCES.AddressNodeStatus);
      return listed.ok ? ok(listed.value.items.flatMap(reportOf)) : fail(listed.fault.message);
    },
    async one(name) {
      const got = await client.get<AnyObject>(RESOURCES.AddressNodeStatus, { name });
      if (got.ok) return ok(reportOf(got.value)[0]);
      return got.fault.code === 'NotFound' ? ok(undefined) : fail(got.fault.message);
    },
  };
}

/** None while the node has not looked yet. */
function reportOf({ metadata, ...object }: AnyObject): readonly NodeReport[] {
  const status = (object['status'] ?? {}) as {
    readonly addresses?: readonly string[];
    readonly readAt?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
  if (status.readAt === undefined) return [];
  const complete = status.conditions?.some(each => each.type === 'Complete' && each.status === 'True');
  return [
    {
      ...{ node: metadata.name ?? '', addresses: new Set(status.addresses) },
      ...{ version: `${metadata.uid ?? ''} ${status.readAt}`, complete: complete === true },
    },
  ];
}
