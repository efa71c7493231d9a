import { parseArgs } from 'node:util';

/** Which router stands at the top of the rack. */
export type TorKind = 'bird' | 'frr' | 'gobgp' | 'none';

/** Where the rules of a node live. */
type Dataplane = 'auto' | 'iptables' | 'nftables';

/** Who carries packets between nodes: BGP's routes, or VXLAN, always or between subnets only. */
export type Overlay = 'none' | 'vxlan' | 'vxlan-cross-subnet';

/** Which addresses machines and pods have. */
export type Addressing = 'ipv4' | 'dual';

/** What `npm run lab` was asked to do. */
export interface LabOptions {
  readonly verb: 'up' | 'ls' | 'clean' | 'exec';
  /** `exec`: the pod or node, then the command. */
  readonly words: readonly string[];
  /** Name of this lab: two labs with different names can stand side by side. */
  readonly id: string;
  readonly nodes: number;
  readonly pods: number;
  readonly tor: TorKind;
  /** Where the nodes' rules live (`muslin-agent --dataplane`). */
  readonly dataplane: Dataplane;
  /** With one, nodes stand in several subnets, nobody speaks BGP, and the router knows nothing of pods. */
  readonly overlay: Overlay;
  readonly family: Addressing;
  /** Agents are told by the controller what concerns their nodes, instead of watching everything. */
  readonly fanout: boolean;
  /** One JSON document on standard output instead of pictures. */
  readonly json: boolean;
  /** Tear down after the checks and exit 0 only if all held. */
  readonly once: boolean;
  /** Leave everything running and return, so that other tools can use it until `--clean`. */
  readonly keep: boolean;
  /** Bring the cluster up without the policy story. */
  readonly quiet: boolean;
}

export const USAGE = `npm run lab -- [options]        a whole cluster on this machine, with checks
npm run lab -- ls [--json]      nodes and pods of the running lab, with their network namespaces
npm run -s lab -- exec shop/web-1 -- COMMAND
                                run a command in the network of a pod, a node (node1), the router or outside
npm run lab -- --clean          remove what an earlier lab left behind

  --nodes N     worker nodes, 1 to 50 (3)
  --pods N      sample pods, 0 to 500 (12)
  --tor X       top-of-rack router: bird, frr, gobgp or none (bird)
  --dataplane X where rules live: auto, iptables or nftables (auto)
  --overlay X   none, vxlan or vxlan-cross-subnet: nodes in subnets of two, no BGP, a router
                that knows nothing of pods (none)
  --family X    ipv4, or dual: machines, pods and routes of both families (ipv4)
  --fanout      agents are told by the controller what concerns their nodes, over mutual TLS,
                instead of watching the API server
  --once        run every check, tear down, exit 0 only if all held
  --keep        leave the cluster running in the background and return
  --bare        cluster only: no sample pods, no policy story
  --json        one JSON document on standard output
  --id NAME     name of this lab, 1 to 8 letters or digits (lab)
`;

/** Reads the command line; a text is the sentence to print before exiting with code 2. */
export function readOptions(args: readonly string[]): LabOptions | string {
  const spec = {
    nodes: { type: 'string', default: '3' },
    pods: { type: 'string', default: '12' },
    tor: { type: 'string', default: 'bird' },
    dataplane: { type: 'string', default: 'auto' },
    overlay: { type: 'string', default: 'none' },
    family: { type: 'string', default: 'ipv4' },
    id: { type: 'string', default: 'lab' },
    json: { type: 'boolean', default: false },
    fanout: { type: 'boolean', default: false },
    once: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    bare: { type: 'boolean', default: false },
    clean: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  } as const;
  let parsed: ReturnType<typeof parseArgs<{ options: typeof spec; allowPositionals: true }>>;
  try {
    parsed = parseArgs({ args: [...args], options: spec, allowPositionals: true });
  } catch (error) {
    return `${(error as Error).message}\n\n${USAGE}`;
  }
  const { values, positionals } = parsed;
  if (values.help) return USAGE;
  const [first = 'up', ...words] = positionals;
  const verb = values.clean ? 'clean' : first;
  if (!isVerb(verb) || (words.length > 0 && verb !== 'exec'))
    return `unknown command "${positionals.join(' ')}"\n\n${USAGE}`;
  if (verb === 'exec' && words.length === 0)
    return 'exec needs to know where: npm run -s lab -- exec shop/web-1 -- COMMAND';
  const nodes = wholeNumber(values.nodes, 1, 50);
  const pods = wholeNumber(values.pods, 0, 500);
  if (nodes === undefined) return `--nodes takes a whole number from 1 to 50, not "${values.nodes}"`;
  if (pods === undefined) return `--pods takes a whole number from 0 to 500, not "${values.pods}"`;
  if (!isTor(values.tor)) return `--tor takes bird, frr, gobgp or none, not "${values.tor}"`;
  if (!isDataplane(values.dataplane))
    return `--dataplane takes auto, iptables or nftables, not "${values.dataplane}"`;
  if (!isOverlay(values.overlay))
    return `--overlay takes none, vxlan or vxlan-cross-subnet, not "${values.overlay}"`;
  if (!isAddressing(values.family)) return `--family takes ipv4 or dual, not "${values.family}"`;
  if (!/^[a-z0-9]{1,8}$/.test(values.id))
    return `--id takes 1 to 8 small letters or digits, not "${values.id}"`;
  if (values.once && values.keep) return '--once tears down and --keep does not: choose one';
  return {
    verb,
    words,
    id: values.id,
    nodes,
    pods: values.bare ? 0 : pods,
    tor: values.overlay === 'none' ? values.tor : 'none',
    overlay: values.overlay,
    family: values.family,
    fanout: values.fanout,
    dataplane: values.dataplane,
    json: values.json,
    once: values.once,
    keep: values.keep,
    quiet: values.bare,
  };
}

const isVerb = (text: string): text is LabOptions['verb'] => ['up', 'ls', 'clean', 'exec'].includes(text);
const isTor = (text: string): text is TorKind => ['bird', 'frr', 'gobgp', 'none'].includes(text);

const isOverlay = (text: string): text is Overlay => ['none', 'vxlan', 'vxlan-cross-subnet'].includes(text);

const isAddressing = (text: string): text is Addressing => ['ipv4', 'dual'].includes(text);

const isDataplane = (text: string): text is Dataplane => ['auto', 'iptables', 'nftables'].includes(text);

function wholeNumber(text: string, min: number, max: number): number | undefined {
  const value = /^[0-9]{1,4}$/.test(text) ? Number(text) : Number.NaN;
  return value >= min && value <= max ? value : undefined;
}
