import { parseDuration } from '@muslin/api';
import { type AnyObject, type KubeClient, RESOURCES, StatusWriter } from '@muslin/kube';
import type { HostEndpointSettings } from './host-endpoints/wanted-host-endpoints.ts';

/** KubeControllersConfiguration `default`, as far as we heed it; the rest of its fields is about other programs. */
export interface ControllersSpec {
  readonly logSeverityScreen?: string;
  readonly controllers?: {
    readonly node?: {
      readonly reconcilerPeriod?: string;
      readonly leakGracePeriod?: string;
      readonly hostEndpoint?: HostEndpointSettings;
    };
    readonly loadBalancer?: { readonly assignIPs?: string };
  };
}

const NAME = { name: 'default' } as const;

/** The settings in effect: what is said, with the defaults of Calico where nothing is. Empty ones are left out. */
export function runningConfig(spec: ControllersSpec): object {
  const { node = {}, loadBalancer = {} } = spec.controllers ?? {};
  const { templates, ...hostEndpoint } = node.hostEndpoint ?? {};
  return {
    logSeverityScreen: spec.logSeverityScreen ?? 'Info',
    controllers: {
      node: {
        reconcilerPeriod: node.reconcilerPeriod ?? '5m',
        leakGracePeriod: node.leakGracePeriod ?? '15m',
        // Labels of Nodes are read where they stand: there is nothing to copy them to.
        syncLabels: 'Disabled',
        hostEndpoint: {
          autoCreate: hostEndpoint.autoCreate ?? 'Disabled',
          createDefaultHostEndpoint: hostEndpoint.createDefaultHostEndpoint ?? 'Enabled',
          ...(templates === undefined ? {} : { templates }),
        },
      },
      loadBalancer: { assignIPs: loadBalancer.assignIPs ?? 'AllServices' },
    },
  };
}

/** How often everything is compared, ms; the default for what is no duration, and never under 10 s. */
export function comparePeriodMs(spec: ControllersSpec): number {
  const asked = parseDuration(spec.controllers?.node?.reconcilerPeriod ?? '5m') ?? 300_000;
  return Math.max(10_000, asked);
}

/** Makes sure that there is one, and that its status says what is in effect. */
export class ControllersConfiguration {
  readonly #client: KubeClient;
  readonly #writer: StatusWriter;

  constructor(client: KubeClient) {
    this.#client = client;
    this.#writer = new StatusWriter(client);
  }

  async reconcile(): Promise<string | undefined> {
    const done = await this.#writer.write(RESOURCES.KubeControllersConfiguration, NAME, object => ({
      ...(object['status'] as object | undefined),
      runningConfig: runningConfig((object['spec'] ?? {}) as ControllersSpec),
    }));
    if (!done.ok) return done.fault.message;
    if (done.value !== 'gone') return undefined;
    const spec = { controllers: { loadBalancer: { assignIPs: 'AllServices' } } };
    const object = { metadata: NAME, spec } as AnyObject;
    const made = await this.#client.create(RESOURCES.KubeControllersConfiguration, object);
    return made.ok || made.fault.code === 'AlreadyExists' ? undefined : made.fault.message;
  }
}
