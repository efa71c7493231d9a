import { apiVersionOf, discover, type KubeClient, RESOURCES, type Resource } from '@muslin/kube';
import { fail, ok, type Result } from '@muslin/net';
import { faultText } from './fault-text.ts';

/** The sentence for a type of object that the server does not know. */
export function notServed({
  apiVersion,
  kind,
}: {
  readonly apiVersion: string;
  readonly kind: string;
}): string {
  return `the server does not serve ${kind} of ${apiVersion}: is its CRD installed?`;
}

/** Tells where the server keeps objects of a type; asks for its list of types only when that is needed. */
export class ResourceFinder {
  readonly #client: KubeClient;
  readonly #known = new Map<string, Resource>();
  #asked = false;

  constructor(client: KubeClient) {
    this.#client = client;
    for (const resource of Object.values(RESOURCES)) this.#add(resource);
  }

  async find(apiVersion: string, kind: string): Promise<Result<Resource, string>> {
    const known = this.#known.get(`${apiVersion}/${kind}`);
    if (known !== undefined) return ok(known);
    if (!this.#asked) {
      this.#asked = true;
      const served = await discover(this.#client);
      if (!served.ok) return fail(faultText(served.fault));
      for (const resource of served.value) this.#add(resource);
      return this.find(apiVersion, kind);
    }
    return fail(notServed({ apiVersion, kind }));
  }

  #add(resource: Resource): void {
    const type = `${apiVersionOf(resource)}/${resource.kind}`;
    if (!this.#known.has(type)) this.#known.set(type, resource);
  }
}
