import { parseArgs } from 'node:util';
import type { Family } from '@muslin/net';
import { type AutodetectMethod, DEFAULT_METHOD, readMethod } from './address/autodetect-method.ts';
import { FANOUT_FLAGS, type FanoutOptions, readFanout } from './fanout/fanout-options.ts';

/** How the agent was started. */
export interface AgentOptions {
  readonly node: string;
  /** Absent: in-cluster credentials, or KUBECONFIG. */
  readonly kubeconfig: string | undefined;
  /** Folder for sockets. */
  readonly runDir: string;
  /** Folder for what must outlive a restart of the node. */
  readonly stateDir: string;
  /** Folder in which the CNI executable keeps DELs while no agent answers: the `queue=` of its .conf. */
  readonly cniQueue: string;
  /** What happens to connections that a policy denies by now. */
  readonly established: 'cut' | 'keep';
  /** Where rules go; `auto`: what FelixConfigurations say, then what kube-proxy does. */
  readonly dataplane: 'auto' | 'iptables' | 'nftables';
  readonly iptables: 'auto' | 'nft' | 'legacy';
  /** How many free addresses of each own block to keep in hand, for ADDs that wait for nobody; 0 for none. */
  readonly keepAddresses: number;
  /** What happens to rules that can't be proved to mean what the policies mean. */
  readonly prove: 'enforce' | 'warn' | 'off';
  /** Whether it plays through what pods bring with them before the first one comes. */
  readonly rehearse: 'on' | 'off';
  /** Whether addresses are reserved and rules loaded for pods when they are bound to this node. */
  readonly prepare: 'on' | 'off';
  /** Whether rules tell of packets that they deny. */
  readonly flows: 'on' | 'off';
  /** Controllers that tell this node what concerns it; undefined: it watches the API server. */
  readonly fanout: FanoutOptions | undefined;
  /** How the node finds the address that others know it by. */
  readonly autodetection: Readonly<Record<Family, AutodetectMethod>>;
  /** Whether the node's address moves with what the method chooses, or stays as long as an interface has it. */
  readonly addressChange: 'follow' | 'keep';
  /** Milliseconds between looks at what others may have changed. */
  readonly refreshMs: number;
}

export const USAGE = `muslin-agent --node NAME [options]
  --node NAME           Kubernetes name of this node (or NODENAME)
  --kubeconfig FILE     API server; default in-cluster, then KUBECONFIG
  --run-dir DIR         sockets (/run/muslin)
  --state-dir DIR       what must outlive a restart (/var/lib/muslin)
  --cni-queue DIR       DELs that came while no agent ran, the queue= of the plugin's .conf
                        (STATE-DIR/cni-queue)
  --established WHAT    cut or keep connections that a changed policy denies (cut)
  --dataplane WHERE     auto, iptables or nftables (auto)
  --iptables BACKEND    auto, nft or legacy, where iptables is used (auto)
  --keep-addresses N    free addresses of each own block to keep in hand: pods get them even while the
                        API server is away (16)
  --prove WHAT          enforce: load no rules that are not proved to mean what the policies mean;
                        warn: load them and say so; off (enforce)
  --flows WHAT          tell of denied packets (on), or not (off) (on)
  --rehearse WHAT       let made-up pods come and go at the start, in memory alone, so that the first real ones find
                        fast code: about a second of one core (on), or not (off) (off)
  --prepare WHAT        reserve addresses and load rules for pods as soon as they are bound to this node, so that
                        their interfaces wait for nothing (on), or when the runtime asks (off) (on)
  --fanout HOST:PORT    be told by a controller what concerns this node, over mutual TLS, instead of watching
                        the whole cluster; needs --fanout-ca (PEM file), and either
  --fanout-token FILE   the node's token, for which controllers give a certificate, or
  --fanout-cert, --fanout-key  PEM files that somebody else makes
  --fanout-name NAME    name in the controllers' certificate (muslin-controller)
  --fanout-fallback-ms N  watch the API server when the controllers are silent for so long (15000)
  --ip-autodetection METHOD, --ip6-autodetection METHOD
                        how to find the node's address: kubernetes-internal-ip, first-found, can-reach=ADDRESS,
                        interface=REGEX,…, skip-interface=REGEX,…, cidr=PREFIX,… (kubernetes-internal-ip;
                        or IP_AUTODETECTION_METHOD, IP6_AUTODETECTION_METHOD)
  --address-change WHAT follow: the node's address moves when the method finds another; keep: not while an
                        interface still has it (follow)
  --refresh-ms N        how often to look for foreign changes of our rules (10000)
`;

/** Reads the command line; a text is the sentence to print before exiting with code 2. */
export function readOptions(args: readonly string[], env: NodeJS.ProcessEnv): AgentOptions | string {
  const text = { type: 'string' } as const;
  let values: { readonly [name: string]: string | boolean | undefined };
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: {
        node: text,
        kubeconfig: text,
        'run-dir': text,
        'state-dir': text,
        'cni-queue': text,
        established: text,
        dataplane: text,
        iptables: text,
        'keep-addresses': text,
        prove: text,
        flows: text,
        rehearse: text,
        prepare: text,
        ...FANOUT_FLAGS,
        'ip-autodetection': text,
        'ip6-autodetection': text,
        'address-change': text,
        'refresh-ms': text,
      },
    }));
  } catch (error) {
    return `${(error as Error).message}\n${USAGE}`;
  }
  const node = values['node'] ?? env['NODENAME'];
  if (typeof node !== 'string' || !/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/.test(node))
    return `--node must be this node's Kubernetes name, not ${JSON.stringify(node ?? '')}\n${USAGE}`;
  const dataplane = values['dataplane'] ?? 'auto';
  if (dataplane !== 'auto' && dataplane !== 'iptables' && dataplane !== 'nftables')
    return `--dataplane takes auto, iptables or nftables, not "${dataplane}"`;
  const iptables = values['iptables'] ?? 'auto';
  if (iptables !== 'auto' && iptables !== 'nft' && iptables !== 'legacy')
    return `--iptables takes auto, nft or legacy, not "${iptables}"`;
  const established = values['established'] ?? 'cut';
  if (established !== 'cut' && established !== 'keep')
    return `--established takes cut or keep, not "${established}"`;
  const flows = values['flows'] ?? 'on';
  if (flows !== 'on' && flows !== 'off') return `--flows takes on or off, not "${flows}"`;
  const rehearse = values['rehearse'] ?? 'off';
  if (rehearse !== 'on' && rehearse !== 'off') return `--rehearse takes on or off, not "${rehearse}"`;
  const prepare = values['prepare'] ?? 'on';
  if (prepare !== 'on' && prepare !== 'off') return `--prepare takes on or off, not "${prepare}"`;
  const prove = values['prove'] ?? 'enforce';
  if (prove !== 'enforce' && prove !== 'warn' && prove !== 'off')
    return `--prove takes enforce, warn or off, not "${prove}"`;
  const refreshMs = Number(values['refresh-ms'] ?? 10_000);
  if (!Number.isInteger(refreshMs) || refreshMs < 100)
    return '--refresh-ms takes a whole number of 100 or more';
  const keepAddresses = Number(values['keep-addresses'] ?? 16);
  if (!Number.isInteger(keepAddresses) || keepAddresses < 0 || keepAddresses > 64)
    return '--keep-addresses takes a whole number from 0 to 64';
  const addressChange = values['address-change'] ?? 'follow';
  if (addressChange !== 'follow' && addressChange !== 'keep')
    return `--address-change takes follow or keep, not "${addressChange}"`;
  const four = methodOf(values['ip-autodetection'], '--ip-autodetection', env['IP_AUTODETECTION_METHOD']);
  if (typeof four === 'string') return four;
  const six = methodOf(values['ip6-autodetection'], '--ip6-autodetection', env['IP6_AUTODETECTION_METHOD']);
  if (typeof six === 'string') return six;
  const fanout = readFanout(values);
  if (typeof fanout === 'string') return fanout;
  const stateDir = (values['state-dir'] as string | undefined) ?? '/var/lib/muslin';
  return {
    node,
    kubeconfig: values['kubeconfig'] as string | undefined,
    runDir: (values['run-dir'] as string | undefined) ?? '/run/muslin',
    stateDir,
    cniQueue: (values['cni-queue'] as string | undefined) ?? `${stateDir}/cni-queue`,
    established,
    dataplane,
    iptables,
    keepAddresses,
    prove,
    flows,
    rehearse,
    prepare,
    fanout,
    autodetection: { 4: four, 6: six },
    addressChange,
    refreshMs,
  };
}

/** The flag wins over the variable, which has Calico's name. Empty is as if it were not there. */
function methodOf(
  value: string | boolean | undefined,
  flag: string,
  variable: string | undefined,
): AutodetectMethod | string {
  const [name, text] =
    typeof value === 'string' && value !== ''
      ? [flag, value]
      : [`${flag.slice(2, -14).toUpperCase()}_AUTODETECTION_METHOD`, variable ?? ''];
  if (text === '') return DEFAULT_METHOD;
  const method = readMethod(text);
  return method.ok ? method.value : `${name}: ${method.fault}`;
}
