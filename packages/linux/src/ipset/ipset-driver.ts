import {
  type ActualSet,
  type Driver,
  type DriverFault,
  type Ipset,
  isOwnSet,
  type Op,
  type SetPlan,
  temporarySetName,
} from '@muslin/dataplane';
import { type Family, fail, ok, type Result } from '@muslin/net';
import { driverFault } from '../driver-fault.ts';
import { eachAttribute, readAttributes, readU8 } from '../netlink/message-reader.ts';
import type { NetlinkFault } from '../netlink/netlink-fault.ts';
import { NETLINK, type NetlinkRequest, NetlinkSocket } from '../netlink/netlink-socket.ts';
import { inNamespace, type Namespace } from '../netns/namespace.ts';
import type { SystemFault } from '../system-calls.ts';
import { IPSET_ERRORS } from './ipset-errors.ts';
import { formatMember, parseMember, readMember } from './ipset-member.ts';
import type { IpsetOp } from './ipset-op.ts';
import {
  ATTR,
  createSetRequest,
  listRequest,
  membersRequest,
  NFGEN,
  pairRequest,
  readListedPart,
  singleRequest,
  typeRequest,
} from './ipset-requests.ts';
import { stepsAfterRules, stepsBeforeRules, stepsBeside } from './ipset-steps.ts';

export type IpsetStep = Op & { readonly kind: 'ipset' };

/** Muslin's ipsets of one network namespace. A step stops at its first refused request. */
export interface IpsetDriver extends Driver<ReadonlyMap<string, ActualSet>, IpsetStep> {
  close(): void;
}

const MEMBERS_PER_MESSAGE = 1000;
/** What every ipset tool in use can show; later revisions only add options that Muslin does not need. */
const REVISION_LIMIT = 6;
/** The nft back end lets go of a removed rule's sets a moment after its commit. */
export const BUSY_MS = 320;
const KNOWN_TYPES = ['hash:net', 'hash:ip,port'] as const;

/** The driver that speaks netlink: about 4 µs for one member, a few milliseconds for 10,000. */
export class NetlinkIpsetDriver implements IpsetDriver {
  readonly #socket: NetlinkSocket;
  readonly #revisions = new Map<string, number>();

  private constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  /** Opens the driver in a namespace (absent: the calling thread's). */
  static open(namespace?: Namespace): Result<NetlinkIpsetDriver, SystemFault> {
    const socket = inNamespace(namespace, () =>
      NetlinkSocket.open(NETLINK.netfilter, { errors: IPSET_ERRORS }),
    );
    return socket.ok ? ok(new NetlinkIpsetDriver(socket.value)) : socket;
  }

  /** Our sets with all members. One of a type that Muslin never makes shows no members: it will be replaced. */
  async read(): Promise<Result<ReadonlyMap<string, ActualSet>, DriverFault>> {
    const names = this.#socket.dump(listRequest(), message => readListedPart(message)?.name);
    if (!names.ok) return fail(driverFault(names.fault));
    const sets = new Map<string, ActualSet>();
    for (const name of names.value) {
      if (!isOwnSet(name)) continue;
      const set = this.#readSet(name);
      if (set.ok) sets.set(name, set.value);
      else if (set.fault.code !== 'ENOENT') return fail(driverFault(set.fault));
    }
    return ok(sets);
  }

  async apply(steps: readonly IpsetStep[]): Promise<Result<void, DriverFault>> {
    for (const step of steps) {
      const fault = await (step.phase === 'before-rules' ? this.#before(step.plan) : this.#after(step.plan));
      if (fault !== undefined) return fail(driverFault(fault, step));
    }
    return ok(undefined);
  }

  /** Performs requests in order; the first refused one's fault (those behind it in its batch were tried too). */
  async perform(ops: readonly IpsetOp[]): Promise<NetlinkFault | undefined> {
    const requests: NetlinkRequest[] = [];
    const destroys = new Set<number>();
    for (const op of ops) {
      const made = this.#requestsOf(op);
      if (!made.ok) return made.fault;
      if (op.op === 'destroy') destroys.add(requests.length);
      requests.push(...made.value);
    }
    const faults = await this.#socket.askMany(requests);
    // Kernels before 5.14 know no "destroy if it is there".
    return faults.find((fault, i) => fault !== undefined && !(destroys.has(i) && fault.code === 'ENOENT'));
  }

  close(): void {
    this.#socket.close();
  }

  async #before(plan: SetPlan): Promise<NetlinkFault | undefined> {
    let fault = await this.perform(stepsBeforeRules(plan));
    for (const set of plan.replace) fault ??= await this.#replace(set);
    return fault;
  }

  async #after(plan: SetPlan): Promise<NetlinkFault | undefined> {
    let fault = await this.perform(stepsAfterRules(plan));
    for (let wait = 5; fault?.code === 'IPSET_ERR_BUSY' && wait <= BUSY_MS; wait *= 2) {
      await new Promise(resolve => setTimeout(resolve, wait));
      fault = await this.perform(stepsAfterRules(plan));
    }
    return fault;
  }

  /** Takes a set's place without a gap; one of another type only where no rule uses the old one. */
  async #replace(set: Ipset): Promise<NetlinkFault | undefined> {
    const beside = temporarySetName(set.name);
    const filled = await this.perform(stepsBeside(set));
    if (filled !== undefined) return filled;
    const swapped = await this.perform([{ op: 'swap', name: beside, other: set.name }]);
    if (swapped === undefined) return this.perform([{ op: 'destroy', name: beside }]);
    if (swapped.code !== 'IPSET_ERR_TYPE_MISMATCH') return swapped;
    const destroyed = await this.perform([{ op: 'destroy', name: set.name }]);
    return destroyed ?? this.perform([{ op: 'rename', name: beside, other: set.name }]);
  }

  #requestsOf(op: IpsetOp): Result<NetlinkRequest[], NetlinkFault> {
    switch (op.op) {
      case 'create': {
        const revision = this.#revision(op.type, op.family);
        return revision.ok ? ok([createSetRequest(op, revision.value)]) : revision;
      }
      case 'add':
      case 'remove': {
        const members = op.members.map(text => {
          const member = parseMember(text);
          if (member === undefined) throw new Error(`${JSON.stringify(text)} is no member of an ipset`);
          return member;
        });
        const requests: NetlinkRequest[] = [];
        for (let i = 0; i < members.length; i += MEMBERS_PER_MESSAGE)
          requests.push(
            membersRequest(op.op, op.name, members.slice(i, i + MEMBERS_PER_MESSAGE), formatMember),
          );
        return ok(requests);
      }
      case 'swap':
      case 'rename':
        return ok([pairRequest(op.op, op.name, op.other)]);
      case 'flush':
      case 'destroy':
        return ok([singleRequest(op.op, op.name)]);
    }
  }

  #revision(type: ActualSet['type'], family: Family): Result<number, NetlinkFault> {
    const key = `${type} ${family}`;
    const known = this.#revisions.get(key);
    if (known !== undefined) return ok(known);
    const found = this.#socket.query(typeRequest(type, family), message => {
      const revision = readAttributes(message.payload, NFGEN).get(ATTR.revision);
      return revision === undefined ? undefined : readU8(revision);
    });
    if (!found.ok) return found;
    const revision = Math.min(found.value[0] ?? 0, REVISION_LIMIT);
    this.#revisions.set(key, revision);
    return ok(revision);
  }

  #readSet(name: string): Result<ActualSet, NetlinkFault> {
    const members = new Set<string>();
    let type = '';
    let family: Family = 4;
    let maxelem = 0;
    const dumped = this.#socket.dump(listRequest(name), message => {
      const part = readListedPart(message);
      type = part?.type ?? type;
      family = part?.family ?? family;
      maxelem = part?.maxelem ?? maxelem;
      if (!KNOWN_TYPES.some(known => known === type)) return undefined;
      eachAttribute(part?.members ?? new Uint8Array(), 0, (_, value) => {
        const member = readMember(value, family);
        if (member !== undefined) members.add(formatMember(member));
      });
      return undefined;
    });
    return dumped.ok ? ok({ name, type: type as ActualSet['type'], family, maxelem, members }) : dumped;
  }
}
