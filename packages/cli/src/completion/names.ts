import type { Context } from '../context.ts';
import type { Input } from '../verb.ts';

/** Longer than this and a person has typed on. */
const PATIENCE_MS = 2000;

/** Names for the arguments of a verb: kinds, then what the cluster holds of that kind; nothing when it does not answer. */
export async function namesFor(
  ctx: Context,
  input: Input,
  verb: string,
  before: readonly string[],
): Promise<readonly string[]> {
  if (verb === 'completion') return before.length === 0 ? ['bash', 'zsh', 'fish'] : [];
  if (verb.startsWith('bgp ')) return namesOfBgp(ctx, input, verb);
  if (!['get', 'delete', 'patch', 'label'].includes(verb)) return [];
  const { KINDS, kindNamed } = await import('../kinds/kinds.ts');
  const [kind] = before;
  if (kind === undefined) return KINDS.map(row => row.names[0]);
  const row = kindNamed(kind);
  if (row === undefined) return [];
  const [{ connect }, { resourcesOf }] = await Promise.all([
    import('../live/connect.ts'),
    import('../live/find-objects.ts'),
  ]);
  const client = await connect(ctx, input);
  if (!client.ok) return [];
  try {
    const home = input.text('namespace') ?? client.value.connection.namespace;
    const namespace = row.namespaced ? { namespace: home } : {};
    const lists = await Promise.all(
      resourcesOf(row).map(resource =>
        client.value.list(resource, { limit: 500, ...namespace }, { timeoutMs: PATIENCE_MS }),
      ),
    );
    return lists.flatMap(list =>
      list.ok ? list.value.items.flatMap(({ metadata }) => metadata.name ?? []) : [],
    );
  } finally {
    await client.value.close();
  }
}

/** Nodes, or the peers of this node. */
async function namesOfBgp(ctx: Pick<Context, 'env'>, input: Input, verb: string): Promise<readonly string[]> {
  const local = ['bgp peer', 'bgp received', 'bgp advertised'].includes(verb);
  const nodes = ['bgp peers', 'bgp doctor', 'bgp drain', 'bgp undrain', 'bgp leave'];
  if (!local && !nodes.includes(verb)) return [];
  const [{ nodeReports, reportOfSocket }, { peersOfStatus }, { localSocket }] = await Promise.all([
    import('../bgp/node-reports.ts'),
    import('../bgp/node-status.ts'),
    import('../bgp/speaker-socket.ts'),
  ]);
  const reports = await (local ? reportOfSocket(localSocket(ctx)) : nodeReports(ctx, input));
  if (!reports.ok) return [];
  return local
    ? reports.value.flatMap(peersOfStatus).map(({ peer }) => peer)
    : reports.value.flatMap(({ metadata }) => metadata.name ?? []);
}
