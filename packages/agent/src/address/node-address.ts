import type { Snapshot } from '@muslin/api';
import { type AnyObject, type KubeClient, RESOURCES } from '@muslin/kube';
import { type KernelEvent, watchKernel } from '@muslin/linux';
import { type Family, formatIp, type Ip, parseIp, type Result, sameIp } from '@muslin/net';
import type { Logger } from 'pino';
import { type AutodetectMethod, DEFAULT_METHOD } from './autodetect-method.ts';
import {
  type AddressChoice,
  addressChoiceText,
  chooseAddress,
  type NodeInterface,
} from './choose-address.ts';

/** What keeping a node's address takes. */
export interface NodeAddressOptions {
  readonly client: Pick<KubeClient, 'patch'>;
  readonly node: string;
  readonly methods: Readonly<Record<Family, AutodetectMethod>>;
  /** `keep`: an address that was told stays as long as an interface has it, whatever the method would choose by now. */
  readonly onChange: 'follow' | 'keep';
  /** This node's own Node, once it is known. */
  readonly object: () => AnyObject | undefined;
  readonly nodes: () => Snapshot['nodes'];
  readonly interfaces: () => Result<readonly NodeInterface[], { readonly message: string }>;
  /** Of packets to a destination; a text says why there is none. */
  readonly sourceOf: (destination: string, family: Family) => Promise<Ip | string>;
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>;
  /** Between looks, ms; the kernel tells of most changes at once. Calico: `AUTODETECT_POLL_INTERVAL`, a minute. */
  readonly everyMs?: number;
}

/** What a choice was before. */
export interface AddressChange {
  readonly family: Family;
  readonly from: string;
  readonly to: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

const FAMILIES: readonly Family[] = [4, 6];
const GATHER_MS = 50;
const RETRY_MS = 2_000;

/** Calico's, which others know the node by; only written when the address is not simply the Node's InternalIP. */
const addressKey = (family: Family) => `projectcalico.org/IPv${family}Address`;
/** Which address it is and why, as `addressChoiceText` says. */
export const choiceKey = (family: Family) => `muslin.dev/ipv${family}-address-choice`;

/**
 * Finds the address that others know this node by, tells it and why on the Node, and says so loudly when it changes: tunnels
 * and BGP sessions move with it.
 */
export class NodeAddress {
  readonly #options: NodeAddressOptions;
  readonly #choices = new Map<Family, AddressChoice>();
  readonly #stops: (() => void)[] = [];
  #changes: readonly AddressChange[] = [];
  #fault: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #busy = false;
  #again = false;
  #started = false;

  constructor(options: NodeAddressOptions) {
    this.#options = options;
  }

  /** Before the first whole view of the cluster nothing is told. */
  start(): void {
    this.#started = true;
    const asks = Object.values(this.#options.methods).some(({ kind }) => kind === 'can-reach');
    const watch = watchKernel(asks ? ['link', 'address', 'route'] : ['link', 'address'], events => {
      if (events.some(concerns)) this.poke();
    });
    if (watch.ok) this.#stops.push(watch.value.stop);
    const every = setInterval(() => this.poke(), this.#options.everyMs ?? 60_000);
    every.unref();
    this.#stops.push(() => clearInterval(every));
    this.poke();
  }

  /** Something that the choice depends on may have changed. */
  poke(): void {
    this.#soon(GATHER_MS);
  }

  stop(): void {
    this.#started = false;
    clearTimeout(this.#timer);
    for (const stop of this.#stops) stop();
  }

  /** For people. */
  get status(): object {
    return {
      choices: [...this.#choices.values()].map(choice => ({
        ...{ family: choice.family, by: choice.by, why: choice.why },
        ...(choice.chosen === undefined
          ? {}
          : {
              address: `${formatIp(choice.chosen.ip)}/${choice.chosen.length}`,
              interface: choice.chosen.interfaceName,
            }),
        ...(choice.trouble === undefined ? {} : { trouble: choice.trouble }),
        rest: choice.rest.map(({ ip, interfaceName, why }) => ({
          ...{ address: formatIp(ip), interface: interfaceName, why },
        })),
      })),
      changes: this.#changes,
      ...(this.#fault === undefined ? {} : { fault: this.#fault }),
    };
  }

  /** One sentence for each family whose address is in trouble. */
  get troubles(): readonly string[] {
    const found = [...this.#choices.values()].flatMap(({ family, trouble }) =>
      trouble === undefined ? [] : [`IPv${family}: ${trouble}`],
    );
    return this.#fault === undefined ? found : [...found, this.#fault];
  }

  /** For the node's status object; undefined until there was a look. */
  get word(): { readonly well: boolean; readonly message: string } | undefined {
    const { troubles } = this;
    if (troubles.length > 0) return { well: false, message: troubles.join('; ') };
    const chosen = [...this.#choices.values()].filter(choice => choice.chosen !== undefined);
    const message = chosen.map(addressChoiceText).join('; ');
    return chosen.length === 0 ? undefined : { well: true, message };
  }

  #soon(ms: number): void {
    if (this.#busy) this.#again = true;
    if (this.#busy || !this.#started) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.#turn();
    }, ms);
    this.#timer.unref();
  }

  async #turn(): Promise<void> {
    this.#busy = true;
    const done = await this.#look();
    this.#busy = false;
    if (this.#again) this.poke();
    else if (!done) this.#soon(RETRY_MS);
    this.#again = false;
  }

  /** Whether all is told. */
  async #look(): Promise<boolean> {
    const { object, interfaces, log, node } = this.#options;
    const known = object();
    if (known === undefined) return true;
    const listed = interfaces();
    if (!listed.ok) return this.#failed(`interfaces can't be read: ${listed.fault.message}`);
    const wanted: Record<string, string | null> = {};
    for (const family of FAMILIES) {
      const choice = await this.#choose(family, known, listed.value);
      const before = this.#choices.get(family);
      this.#choices.set(family, choice);
      Object.assign(wanted, annotationsOf(choice, known, this.#options.methods[family]));
      if (choice.trouble !== undefined && choice.trouble !== before?.trouble)
        log.warn({ family }, `the address of node ${node}: ${choice.trouble}`);
      this.#notice(choice, known, before === undefined);
    }
    const annotations = known.metadata.annotations ?? {};
    const due = Object.entries(wanted).filter(([key, value]) => (annotations[key] ?? null) !== value);
    if (due.length === 0) {
      this.#fault = undefined;
      return true;
    }
    const body = { metadata: { annotations: Object.fromEntries(due) } };
    const { client } = this.#options;
    const told = await client.patch<AnyObject>(RESOURCES.Node, { name: node }, { type: 'merge', body });
    if (!told.ok) return this.#failed(`the address can't be told on the Node: ${told.fault.message}`);
    this.#fault = undefined;
    return true;
  }

  #failed(fault: string): false {
    if (fault !== this.#fault) this.#options.log.warn(fault);
    this.#fault = fault;
    return false;
  }

  async #choose(
    family: Family,
    object: AnyObject,
    interfaces: readonly NodeInterface[],
  ): Promise<AddressChoice> {
    const { nodes, node, sourceOf, onChange } = this.#options;
    const method = this.#options.methods[family];
    const given = givenOn(object, family);
    const choice = chooseAddress({
      ...{ family, method, interfaces, given, internalIps: internalIps(object) },
      towards: method.kind === 'can-reach' ? await sourceOf(method.destination, family) : undefined,
      others: new Map([...nodes()].filter(([name]) => name !== node).map(([name, { ips }]) => [name, ips])),
    });
    const told = toldOn(object, family);
    if (onChange === 'follow' || given !== undefined || told === undefined) return choice;
    if (choice.chosen !== undefined && sameIp(choice.chosen.ip, told)) return choice;
    for (const { name, addresses } of interfaces) {
      const still = addresses.find(({ ip }) => sameIp(ip, told));
      if (still === undefined) continue;
      const chosen = { ip: told, length: still.length, interfaceName: name };
      const instead = choice.chosen === undefined ? 'nothing' : formatIp(choice.chosen.ip);
      const why = `it was told before and ${name} still has it (the method would take ${instead} by now)`;
      return { ...choice, chosen, why };
    }
    return choice;
  }

  /** Says what was chosen: once, and again when it is another address. */
  #notice(choice: AddressChoice, object: AnyObject, first: boolean): void {
    const { log, node } = this.#options;
    const { family, chosen } = choice;
    const told = toldOn(object, family);
    if (first && chosen !== undefined) log.info({ family }, `node address: ${addressChoiceText(choice)}`);
    if (told === undefined || chosen === undefined || sameIp(told, chosen.ip)) return;
    const [from, to] = [formatIp(told), formatIp(chosen.ip)];
    if (this.#changes.at(-1)?.to === to) return;
    this.#changes = [...this.#changes, { family, from, to, at: Date.now() }].slice(-16);
    log.warn(
      { family, from, to },
      `the address of node ${node} changes: ${addressChoiceText(choice)}; tunnels and BGP sessions move with it`,
    );
  }
}

/** Addresses and links, and routes that lead everywhere: pods' come and go all the time. */
function concerns(event: KernelEvent): boolean {
  if (event.topic === 'link') return !event.value.name.startsWith('msl');
  return event.topic !== 'route' || event.value.destination.length === 0;
}

/** The choice that an earlier look told; undefined when none did. */
function toldOn({ metadata }: AnyObject, family: Family): Ip | undefined {
  const [, text = ''] = /^\S+: ([0-9a-f.:]+)\//.exec(metadata.annotations?.[choiceKey(family)] ?? '') ?? [];
  const ip = parseIp(text);
  return ip.ok ? ip.value : undefined;
}

/** What somebody else wrote into Calico's annotation: not what we told by a method. */
function givenOn(object: AnyObject, family: Family): Ip | undefined {
  const text = object.metadata.annotations?.[addressKey(family)]?.split('/')[0];
  const ip = parseIp(text ?? '');
  if (!ip.ok || ip.value.family !== family) return undefined;
  const choice = object.metadata.annotations?.[choiceKey(family)] ?? '';
  const told = toldOn(object, family);
  const ours = told !== undefined && sameIp(told, ip.value) && !choice.startsWith('annotation:');
  return ours ? undefined : ip.value;
}

function internalIps(object: AnyObject): readonly Ip[] {
  const status = object['status'] as { readonly addresses?: unknown } | undefined;
  if (!Array.isArray(status?.addresses)) return [];
  return status.addresses.flatMap(each => {
    const { type, address } = (each ?? {}) as { readonly type?: unknown; readonly address?: unknown };
    const ip = parseIp(typeof address === 'string' && type === 'InternalIP' ? address : '');
    return ip.ok ? [ip.value] : [];
  });
}

/** What the Node should say; null takes it away. Where nothing was found, what it said before stays. */
function annotationsOf(
  choice: AddressChoice,
  object: AnyObject,
  method: AutodetectMethod,
): Readonly<Record<string, string | null>> {
  const { family, chosen, by } = choice;
  if (chosen === undefined) return {};
  const told = { [choiceKey(family)]: addressChoiceText(choice) };
  if (by === 'annotation') return told;
  // Everybody finds the InternalIP without us, also while no agent runs.
  if (method.kind === DEFAULT_METHOD.kind)
    return givenOn(object, family) === undefined ? { ...told, [addressKey(family)]: null } : told;
  return { ...told, [addressKey(family)]: `${formatIp(chosen.ip)}/${chosen.length}` };
}
