import type { AnyObject, KubeClient, KubeFault, Resource } from '@muslin/kube';
import { nameOf } from '@muslin/kube';
import { ok, type Result } from '@muslin/net';

/** Who the server is told has written a field. */
export const FIELD_MANAGER = 'muslinctl';

/** What happened to one object; `skipped`: nothing, and that was asked for. */
export type Written = 'done' | 'skipped';

/** How objects are written. */
export interface WriteFlags {
  readonly dryRun: boolean;
  /** Files: read and look at them, and ask no server. */
  readonly here?: boolean;
  /** Create: what is there already is fine. Delete: what is not there is fine. */
  readonly tolerant: boolean;
}

/** One of the verbs that write. */
export interface WriteAction {
  /** As in `Successfully applied 1 'IPPool' resource(s)`. */
  readonly done: string;
  readonly run: (
    client: KubeClient,
    resource: Resource,
    object: AnyObject,
    flags: WriteFlags,
  ) => Promise<Result<Written, KubeFault>>;
}

const options = ({ dryRun }: WriteFlags) => ({
  dryRun,
  fieldManager: FIELD_MANAGER,
  fieldValidation: 'Strict' as const,
});

/** A fault of this code is what the person said they can live with. */
function tolerated(
  answer: Result<unknown, KubeFault>,
  code: KubeFault['code'],
  flags: WriteFlags,
): Result<Written, KubeFault> {
  if (answer.ok) return ok('done');
  return flags.tolerant && answer.fault.code === code ? ok('skipped') : answer;
}

export const WRITE_ACTIONS = {
  create: {
    done: 'created',
    run: async (client, resource, object, flags) =>
      tolerated(await client.create(resource, object, options(flags)), 'AlreadyExists', flags),
  },
  apply: {
    done: 'applied',
    // calicoctl's apply overwrites what others have set, so this one takes the fields over too.
    run: async (client, resource, object, flags) => {
      const patch = { type: 'apply', body: object } as const;
      const answer = await client.patch(resource, nameOf(object), patch, { ...options(flags), force: true });
      return answer.ok ? ok('done') : answer;
    },
  },
  replace: {
    done: 'replaced',
    run: async (client, resource, object, flags) => {
      const now = await client.get<AnyObject>(resource, nameOf(object));
      if (!now.ok) return now;
      const { resourceVersion } = now.value.metadata;
      const metadata = { ...(resourceVersion !== undefined && { resourceVersion }), ...object.metadata };
      const answer = await client.update(resource, { ...object, metadata } as AnyObject, options(flags));
      return answer.ok ? ok('done') : answer;
    },
  },
  delete: {
    done: 'deleted',
    run: async (client, resource, object, flags) =>
      tolerated(await client.delete(resource, nameOf(object), { dryRun: flags.dryRun }), 'NotFound', flags),
  },
} as const satisfies Record<string, WriteAction>;
