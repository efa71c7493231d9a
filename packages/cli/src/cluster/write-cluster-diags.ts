import { parseDuration } from '@muslin/api';
import { type AnyObject, type KubeClient, RESOURCES, type Resource } from '@muslin/kube';
import type { Context } from '../context.ts';
import { DEFINED_KINDS } from '../files/definitions.ts';
import { listAt, textAt } from '../files/json.ts';
import { connect } from '../live/connect.ts';
import { redactText, redactValue } from '../node/redact.ts';
import { archiveStamp, saveArchive } from '../node/save-archive.ts';
import type { TarFile } from '../node/tar.ts';
import { yamlText } from '../output/data.ts';
import type { ExitCode, Input } from '../verb.ts';
import { faultText } from '../live/fault-text.ts';

const OURS = 'app.kubernetes.io/name=muslin';

const workload = (plural: string, kind: string): Resource => ({
  ...{ group: 'apps', version: 'v1', plural, kind, namespaced: true },
});

/** How much of the logs a person wants. */
interface Wish {
  readonly sinceSeconds: number | undefined;
  readonly most: number;
  readonly focus: readonly string[];
}

/** `cluster diags`: what the API server knows of the network, in one archive. */
export async function writeClusterDiags(ctx: Context, input: Input): Promise<ExitCode> {
  const wish = wishOf(input);
  if (typeof wish === 'string') return ctx.fail(2, wish);
  const client = await connect(ctx, input);
  if (!client.ok) return ctx.fail(1, client.fault);
  try {
    const version = await client.value.raw({ method: 'GET', path: '/version' });
    if (!version.ok) return ctx.fail(1, faultText(version.fault));
    const files = [
      { name: 'version.yaml', text: await yamlText(version.value) },
      ...(await objectFiles(client.value)),
      ...(await logFiles(client.value, wish)),
    ];
    return saveArchive(ctx, input, `muslin-cluster-diags-${archiveStamp(ctx.now())}`, files);
  } finally {
    await client.value.close();
  }
}

function wishOf(input: Input): Wish | string {
  const since = input.text('since');
  const sinceMs = since === undefined ? undefined : parseDuration(since);
  if (since !== undefined && (sinceMs === undefined || sinceMs <= 0))
    return `--since ${since}: write 30m or 12h`;
  const most = Number(input.text('maxLogs') ?? 5);
  if (!Number.isInteger(most) || most < 0) return `--max-logs ${input.text('maxLogs')}: write a number`;
  const focus = (input.text('focusNodes') ?? '').split(',').filter(Boolean);
  return { sinceSeconds: sinceMs === undefined ? undefined : Math.ceil(sinceMs / 1000), most, focus };
}

/** A file for each kind; one that can't be read says why. */
async function objectFiles(client: KubeClient): Promise<readonly TarFile[]> {
  const kinds = [
    ...DEFINED_KINDS.map(resource => ({ resource, query: {} })),
    { resource: RESOURCES.Node, query: {} },
    { resource: RESOURCES.NetworkPolicy, query: {} },
    { resource: RESOURCES.Pod, query: { labelSelector: OURS } },
    { resource: workload('daemonsets', 'DaemonSet'), query: { labelSelector: OURS } },
    { resource: workload('deployments', 'Deployment'), query: { labelSelector: OURS } },
    { resource: RESOURCES.Event, query: {} },
  ];
  return Promise.all(
    kinds.map(async ({ resource, query }): Promise<TarFile> => {
      const found = await client.listAll<AnyObject>(resource, query);
      const name = `objects/${resource.plural}${resource.group === '' ? '' : `.${resource.group}`}.yaml`;
      const items = found.ok ? found.value.items.map(unmanaged) : [];
      return { name, text: found.ok ? await yamlText(redactValue(items)) : `# ${found.fault.message}\n` };
    }),
  );
}

/** Who wrote which field says nothing here, and fills half of an object. */
function unmanaged({ metadata, ...rest }: AnyObject): object {
  const { managedFields: _, ...shown } = metadata as Readonly<Record<string, unknown>>;
  return { metadata: shown, ...rest };
}

async function logFiles(
  client: KubeClient,
  { sinceSeconds, most, focus }: Wish,
): Promise<readonly TarFile[]> {
  const pods = await client.listAll<AnyObject>(RESOURCES.Pod, { labelSelector: OURS });
  if (!pods.ok) return [{ name: 'logs/none.txt', text: `${pods.fault.message}\n` }];
  const programs = Map.groupBy(
    pods.value.items.toSorted((a, b) => rank(a, focus) - rank(b, focus)),
    pod => pod.metadata.labels?.['app.kubernetes.io/component'] ?? '',
  );
  const chosen = [...programs.values()].flatMap(each => each.slice(0, most));
  const asked = chosen.flatMap(pod =>
    listAt(pod, 'spec', 'containers').map(async (container): Promise<TarFile> => {
      const { name = '', namespace = '' } = pod.metadata;
      const query = new URLSearchParams({ container: textAt(container, 'name') ?? '' });
      if (sinceSeconds !== undefined) query.set('sinceSeconds', String(sinceSeconds));
      const path = `/api/v1/namespaces/${namespace}/pods/${name}/log`;
      const log = await client.raw({ method: 'GET', path, query, accept: '*/*' });
      const text = log.ok
        ? typeof log.value === 'string'
          ? log.value
          : JSON.stringify(log.value)
        : log.fault.message;
      return { name: `logs/${name}.${textAt(container, 'name')}.log`, text: `${redactText(text)}\n` };
    }),
  );
  return Promise.all(asked);
}

function rank(pod: AnyObject, focus: readonly string[]): number {
  return focus.includes(textAt(pod, 'spec', 'nodeName') ?? '') ? 0 : 1;
}
