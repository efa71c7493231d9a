import { Document, parseAllDocuments } from 'yaml';

/** An object as it stands in a file. */
interface Written {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; labels?: Record<string, string> };
  spec: Record<string, unknown>;
}

type Rule = Record<string, unknown[] | object | undefined>;

/** Documents of a file as objects, one each. */
export function objectsIn(yaml: string): Written[] {
  return parseAllDocuments(yaml).map(document => document.toJS() as Written);
}

export function yamlOf(objects: readonly Written[]): string {
  return objects.map(object => new Document(object).toString()).join('---\n');
}

/** Does to the objects what a sentence of advice says, as a person would who reads nothing else. */
export function follow(advice: string, objects: Written[]): void {
  const found = STEPS.find(([pattern]) => pattern.test(advice));
  if (found === undefined) throw new Error(`nobody could follow: ${advice}`);
  const [pattern, act] = found;
  act(objects, ...((pattern.exec(advice) as RegExpExecArray).slice(1) as string[]));
}

const STEPS: readonly (readonly [RegExp, (objects: Written[], ...words: string[]) => void])[] = [
  [/^remove label (\S+) from (\S+ \S+)$/, (all, key, name) => delete labelsOf(all, name)[key as string]],
  [
    /^set label (\S+?)=(\S*) on (\S+ \S+)$/,
    (all, key, value, name) => Object.assign(labelsOf(all, name), { [key as string]: value }),
  ],
  [
    /^add port (\S+) (\d+) to (\S+?)\.(destination\.ports|ports|protocols) of (\S+ \S+)$/,
    (all, protocol, port, path, where, name) => {
      const { object, rule } = ruleAt(all, name, path);
      if (where === 'destination.ports') {
        const destination = (rule['destination'] ??= {}) as { ports?: unknown[] };
        (destination.ports ??= []).push(Number(port));
      } else ((rule[where as string] ??= []) as unknown[]).push(portOf(object, protocol, Number(port)));
    },
  ],
  [
    /^add (.+) to (\S+)\.(from|to) of (\S+ \S+)$/,
    (all, peer, path, where, name) => {
      const { object, rule } = ruleAt(all, name, path);
      (rule[where as string] as unknown[]).push(peerOf(object, peer as string));
    },
  ],
  [
    /^(?:add a rule to|put a rule before the others of) (\S+ \S+) that allows (ingress from|egress to) (.+) on (.+)$/,
    (all, name, way, peer, what) => {
      const object = named(all, name);
      const direction = way === 'ingress from' ? 'ingress' : 'egress';
      const rules = (object.spec[direction] ??= []) as unknown[];
      rules.unshift(allowing(object, direction, peer as string, what as string));
    },
  ],
  [
    /^remove (spec\.(ingress|egress)\S*) \(\w+\) from (\S+ \S+?)(?:, with (\w+) in its (types|policyTypes))?$/,
    (all, path, direction, name, type, field) => {
      const object = named(all, name);
      const [, index, , peer] = /\[(\d+)\](?:\.(from|to)\[(\d+)\])?$/.exec(path as string) as RegExpExecArray;
      const rules = object.spec[direction as string] as Rule[];
      const peers = rules[Number(index)]?.[direction === 'ingress' ? 'from' : 'to'] as unknown[];
      if (peer !== undefined) peers.splice(Number(peer), 1);
      else rules.splice(Number(index), 1);
      if (field !== undefined && object.spec[field] === undefined)
        object.spec[field] = typesOf(object, type as string);
    },
  ],
  [/^remove (\S+ \S+)$/, (all, name) => void all.splice(all.indexOf(named(all, name)), 1)],
  [
    /^add a policy that isolates (.+) for (ingress|egress)$/,
    (all, pods, direction) => {
      const { namespace, podSelector } = podsOf(pods as string);
      const policyTypes = [direction === 'ingress' ? 'Ingress' : 'Egress'];
      all.push({
        ...{ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy' },
        metadata: { name: `isolate-${direction}`, namespace },
        spec: { podSelector, policyTypes },
      });
    },
  ],
];

/** What its types were, had it written them. */
function typesOf({ apiVersion, spec }: Written, type: string): readonly string[] {
  const has = (field: string) => ((spec[field] ?? []) as unknown[]).length > 0;
  const types = new Set([type]);
  if (has('egress')) types.add('Egress');
  if (has('ingress') || apiVersion === 'networking.k8s.io/v1') types.add('Ingress');
  return [...types];
}

/** `Kind name` or `Kind namespace/name`; of two of that name the first. */
function named(objects: readonly Written[], text = ''): Written {
  const [kind, name] = text.split(' ');
  const found = objects.find(({ kind: is, metadata }) => {
    const own = metadata.namespace === undefined ? metadata.name : `${metadata.namespace}/${metadata.name}`;
    return is === kind && own === name;
  });
  if (found === undefined) throw new Error(`there is no ${text}`);
  return found;
}

function labelsOf(objects: readonly Written[], name = ''): Record<string, string> {
  return (named(objects, name).metadata.labels ??= {});
}

function ruleAt(objects: readonly Written[], name = '', path = '') {
  const object = named(objects, name);
  const [, direction, index] = /^spec\.(ingress|egress)\[(\d+)\]$/.exec(path) as RegExpExecArray;
  return { object, rule: (object.spec[direction as string] as Rule[])[Number(index)] as Rule };
}

function podsOf(text: string) {
  const [, namespace = '', key, value = ''] =
    /^the pods of namespace (\S+?)(?: with (\S+) == "([^"]*)")?$/.exec(text) ?? [];
  return { namespace, podSelector: key === undefined ? {} : { matchLabels: { [key]: value } } };
}

const isCalico = ({ apiVersion }: Written) => apiVersion === 'projectcalico.org/v3';

function peerOf(object: Written, text: string): object {
  const outside = /^[0-9a-f.:]+\/\d+$/.test(text);
  if (outside) return 'subject' in object.spec ? { networks: [text] } : { ipBlock: { cidr: text } };
  const { namespace, podSelector } = podsOf(text);
  const namespaceSelector = { matchLabels: { 'kubernetes.io/metadata.name': namespace } };
  const pods = { namespaceSelector, podSelector };
  return 'subject' in object.spec ? { pods } : pods;
}

function portOf({ kind }: Written, protocol = '', port: number): object {
  if (kind === 'NetworkPolicy') return { protocol, port };
  if (kind !== 'ClusterNetworkPolicy') return { portNumber: { protocol, port } };
  return { [protocol.toLowerCase()]: { destinationPort: { number: port } } };
}

function allowing(object: Written, direction: string, peer: string, what: string): object {
  const [protocol, port] = what.split(' ');
  if (isCalico(object)) {
    const { namespace, podSelector } = podsOf(peer);
    const labels = Object.entries((podSelector as { matchLabels?: object }).matchLabels ?? {});
    const far = peer.startsWith('the pods')
      ? {
          namespaceSelector: `kubernetes.io/metadata.name == '${namespace}'`,
          ...(labels.length > 0 && { selector: labels.map(([key, value]) => `${key} == '${value}'`)[0] }),
        }
      : { nets: [peer] };
    const ports = port === undefined ? {} : { ports: [Number(port)] };
    const [source, destination] = direction === 'ingress' ? [far, ports] : [{}, { ...far, ...ports }];
    return { action: 'Allow', protocol, source, destination };
  }
  const ports = what === 'every protocol' ? {} : [portOf(object, protocol, Number(port))];
  const written = Array.isArray(ports)
    ? { [object.kind === 'ClusterNetworkPolicy' ? 'protocols' : 'ports']: ports }
    : {};
  const action =
    'subject' in object.spec ? { action: object.kind === 'ClusterNetworkPolicy' ? 'Accept' : 'Allow' } : {};
  return { ...action, [direction === 'ingress' ? 'from' : 'to']: [peerOf(object, peer)], ...written };
}
