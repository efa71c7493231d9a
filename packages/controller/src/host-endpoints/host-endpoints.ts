import { type AnyObject, type KubeClient, type Note, RESOURCES, sameJson } from '@muslin/kube';
import {
  CREATED_BY,
  type HostEndpointSettings,
  type WantedHostEndpoint,
  wantedHostEndpoints,
} from './wanted-host-endpoints.ts';

/** What it takes to make host endpoints. */
export interface HostEndpointsOptions {
  readonly client: KubeClient;
  readonly settings: () => HostEndpointSettings;
  readonly nodes: ReadonlyMap<string, AnyObject>;
  readonly log: (line: string) => void;
  readonly tell: (note: Note) => void;
}

/** Makes, corrects and removes the host endpoints that bear our label; never one that a person made. */
export class HostEndpoints {
  readonly #options: HostEndpointsOptions;
  #told = '';

  constructor(options: HostEndpointsOptions) {
    this.#options = options;
  }

  async reconcile(): Promise<string | undefined> {
    const { client, settings, nodes } = this.#options;
    const { wanted, complaints } = wantedHostEndpoints(settings(), nodes.values());
    this.#complain(complaints);
    const listed = await client.listAll<AnyObject>(RESOURCES.HostEndpoint);
    if (!listed.ok) return listed.fault.message;
    const there = new Map(listed.value.items.map(object => [object.metadata.name ?? '', object]));
    const faults: string[] = [];
    const done = (fault: string | undefined) => void (fault !== undefined && faults.push(fault));
    for (const each of wanted) done(await this.#settle(each, there.get(each.name)));
    const names = new Set(wanted.map(({ name }) => name));
    for (const [name, object] of there)
      if (isOurs(object) && !names.has(name)) done(await this.#remove(name, object));
    return faults[0];
  }

  async #settle(
    { name, labels, annotations, spec }: WantedHostEndpoint,
    old: AnyObject | undefined,
  ): Promise<string | undefined> {
    const { client, log } = this.#options;
    if (old === undefined) {
      const made = await client.create(RESOURCES.HostEndpoint, {
        metadata: { name, labels, annotations },
        spec,
      } as AnyObject);
      if (!made.ok && made.fault.code !== 'AlreadyExists') return made.fault.message;
      log(`HostEndpoint ${name} made`);
      return undefined;
    }
    if (!isOurs(old)) {
      this.#complain([`HostEndpoint ${name} is somebody else's: it lacks the label that ours have`]);
      return undefined;
    }
    const { labels: oldLabels = {}, annotations: oldAnnotations = {} } = old.metadata;
    const right = { ...oldAnnotations, ...annotations };
    if (sameJson(old['spec'], spec) && sameJson(oldLabels, labels) && sameJson(oldAnnotations, right))
      return undefined;
    const metadata = { ...old.metadata, labels, annotations: right };
    const written = await client.update(RESOURCES.HostEndpoint, { ...old, metadata, spec } as AnyObject);
    // Gone or changed meanwhile: the watch brings us here again, and so does the queue.
    if (!written.ok) return written.fault.message;
    log(`HostEndpoint ${name} brought up to date`);
    return undefined;
  }

  async #remove(name: string, { metadata }: AnyObject): Promise<string | undefined> {
    const { client, log, nodes, settings } = this.#options;
    const node = name.endsWith('-auto-hep')
      ? [...nodes.keys()].find(each => name.startsWith(`${each}-`))
      : undefined;
    // A Node that the watch has lost may be there: host endpoints go with it only on a fresh word.
    if (node === undefined && settings().autoCreate === 'Enabled') {
      const fresh = await client.listAll<AnyObject>(RESOURCES.Node);
      if (!fresh.ok) return fresh.fault.message;
      if (fresh.value.items.some(each => name.startsWith(`${each.metadata.name}-`))) return undefined;
    }
    const { resourceVersion, uid } = metadata;
    const gone = await client.delete(
      RESOURCES.HostEndpoint,
      { name },
      {
        ...(resourceVersion === undefined ? {} : { resourceVersion }),
        ...(uid === undefined ? {} : { uid }),
      },
    );
    if (!gone.ok && gone.fault.code !== 'NotFound') return gone.fault.message;
    log(`HostEndpoint ${name} removed: nothing asks for it`);
    return undefined;
  }

  #complain(complaints: readonly string[]): void {
    const message = complaints.join('; ');
    if (message === '' || message === this.#told) return;
    this.#told = message;
    this.#options.log(`host endpoints: ${message}`);
    this.#options.tell({
      about: {
        apiVersion: 'projectcalico.org/v3',
        kind: 'KubeControllersConfiguration',
        name: 'default',
      },
      ...{ type: 'Warning', reason: 'HostEndpointTemplate', message },
    });
  }
}

function isOurs({ metadata: { labels = {} } }: AnyObject): boolean {
  return Object.entries(CREATED_BY).every(([key, value]) => labels[key] === value);
}
