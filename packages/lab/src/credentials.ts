import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { type AnyObject, type KubeClient, RESOURCES } from '@muslin/kube';
import type { Host } from './topology.ts';
import { until } from './until.ts';

/** Muslin's programs: each is a user of its own, so that the audit log tells them apart. */
export const PROGRAMS = ['agent', 'speaker', 'controller'] as const;
export type Program = (typeof PROGRAMS)[number];

/** Service account that the lab's agents run as. */
export const AGENT_ACCOUNT = 'muslin-agent';

const account = (program: Program) => `system:serviceaccount:kube-system:muslin-${program}`;

/**
 * The API server's token file: the admin's token, one for each of Muslin's programs, and for each node the one that a kubelet
 * would project into the agent's pod for the controllers.
 */
export function tokenFile(nodes: readonly Host[]): string {
  const token = () => randomBytes(16).toString('hex');
  return [
    `${token()},admin,admin,"system:masters"`,
    ...PROGRAMS.map(program => `${token()},${account(program)},${program},"system:serviceaccounts"`),
    ...nodes.map(
      ({ name }) =>
        `${token()},${account('agent')},agent,"system:serviceaccounts","${boundTo(name)};audience=muslin-fanout"`,
    ),
    '',
  ].join('\n');
}

const boundTo = (node: string) => `authentication.kubernetes.io/node-name=${node}`;

/** What agents show controllers, as files: does what kubelets do for a projected token and a mounted ConfigMap. */
export class FanoutMounts {
  readonly #folder: string;

  /** Of the lab's folder. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The agent's flags for these files. */
  flags(node: Host): readonly string[] {
    const tokens = readFileSync(`${this.#folder}/api/tokens`, 'utf8').split('\n');
    const own = tokens.find(line => line.includes(`${boundTo(node.name)};`)) ?? '';
    const file = `${this.#folder}/${node.name}/fanout-token`;
    writeFileSync(file, own.split(',')[0] ?? '', { mode: 0o600 });
    return ['--fanout-token', file, '--fanout-ca', this.#ca];
  }

  /** Writes the authority of the controllers as soon as they have published it. */
  async mount(client: KubeClient, timeoutMs: number): Promise<void> {
    const name = { namespace: 'kube-system', name: 'muslin-fanout' };
    const ask = () => client.get<AnyObject>(RESOURCES.ConfigMap, name);
    const seen = await until(ask, map => map.ok, timeoutMs);
    const map = seen.held ? seen.value : seen.last;
    if (!map.ok) throw new Error(`the controller published no authority for fan-out: ${map.fault.message}`);
    const data = map.value['data'] as Readonly<Record<string, string>>;
    writeFileSync(this.#ca, data['ca.crt'] ?? '');
  }

  get #ca(): string {
    return `${this.#folder}/api/fanout-ca.crt`;
  }
}
