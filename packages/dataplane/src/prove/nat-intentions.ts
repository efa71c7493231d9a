import { familyOf, formatIp, hostPrefix, type Ip, mustPrefix } from '@muslin/net';
import type { NodeConfig } from '../compile/config.ts';
import { outgoing, PORTED } from '../compile/nat.ts';
import type { Course } from './compare.ts';
import { type Node, NONE } from './diagram.ts';
import type { Space } from './space.ts';
import { translationOf } from './walk.ts';

/** Which packets a node means to translate, and to what: the first that applies counts. */
export class NatIntentions {
  readonly #space: Space;
  readonly #config: NodeConfig;
  #to: Course | undefined;

  constructor(space: Space, config: NodeConfig) {
    this.#space = space;
    this.#config = config;
  }

  /** nat PREROUTING and OUTPUT: floating addresses and ports of the node lead to pods. */
  destinations(): Course {
    return (this.#to ??= this.#first([...this.#floating(), ...this.#ports()]));
  }

  #floating(): readonly Wanted[] {
    const { family } = this.#config;
    return this.#config
      .floatingIps()
      .filter(({ ip, pod }) => ip.family === family && pod.family === family)
      .map(({ ip, pod }) => ({
        who: this.#address('dst', ip),
        to: translationOf({ kind: 'dnat', ip: pod, port: undefined }),
      }));
  }

  #ports(): readonly Wanted[] {
    const { diagram } = this.#space;
    const here = this.#space.atom({ kind: 'local', side: 'dst' });
    return this.#ownPorts.map(({ protocol, hostIp, hostPort, pod, podPort }) => {
      const ports = this.#space.ports('dst', [{ first: hostPort, last: hostPort }]);
      const dialled = diagram.and(here, diagram.and(this.#space.protocol(protocol), ports));
      return {
        who: hostIp === undefined ? dialled : diagram.and(dialled, this.#address('dst', hostIp)),
        to: translationOf({ kind: 'dnat', ip: pod, port: podPort }),
      };
    });
  }

  get #ownPorts() {
    return this.#config.hostPorts().filter(({ pod }) => pod.family === this.#config.family);
  }

  /**
   * nat POSTROUTING: who reaches itself through such an address or port, and who dials a port of 127.0.0.1, needs another
   * sender to be answered; and what leaves all pools from a pool with `natOutgoing` gets the node's address.
   */
  sources(name: string): Course {
    const { diagram } = this.#space;
    const { family, pools, natExcludes, natOutgoingInterface: by } = this.#config;
    const itself = (pod: Ip) => diagram.and(this.#address('src', pod), this.#address('dst', pod));
    const masquerade = (who: Node): Wanted => ({ who, to: translationOf({ kind: 'masquerade' }) });
    const wanted: Wanted[] = [];
    for (const { ip, pod } of this.#config.floatingIps())
      if (ip.family === family && pod.family === family)
        wanted.push({ who: itself(pod), to: translationOf({ kind: 'snat', ip }) });
    const ports = this.#ownPorts;
    wanted.push(
      ...[...new Map(ports.map(({ pod }) => [formatIp(pod), pod])).values()].map(pod =>
        masquerade(itself(pod)),
      ),
    );
    if (ports.length > 0 && family === 4 && name.startsWith(this.#config.workloadInterfacePrefix))
      wanted.push(masquerade(this.#space.nets('src', [mustPrefix('127.0.0.0/8')])));
    const own = pools.filter(({ cidr }) => familyOf(cidr) === family);
    const leaves = by === undefined || (by.wildcard ? name.startsWith(by.name) : name === by.name);
    if (leaves) {
      const from = this.#space.nets(
        'src',
        own.flatMap(({ cidr, natOutgoing }) => (natOutgoing ? [cidr] : [])),
      );
      const inside = this.#space.nets('dst', [
        ...own.map(({ cidr }) => cidr),
        ...natExcludes.map(hostPrefix),
      ]);
      const out = diagram.without(from, inside);
      const { natPorts } = this.#config;
      if (natPorts !== undefined)
        for (const protocol of PORTED)
          wanted.push({
            who: diagram.and(out, this.#space.protocol(protocol)),
            to: translationOf(outgoing(this.#config, natPorts)),
          });
      wanted.push({ who: out, to: translationOf(outgoing(this.#config)) });
    }
    return this.#first(wanted);
  }

  #address(side: 'src' | 'dst', ip: Ip): Node {
    return this.#space.nets(side, [hostPrefix(ip)]);
  }

  #first(wanted: readonly Wanted[]): Course {
    const { diagram } = this.#space;
    const translated = new Map<string, Node>();
    let back = diagram.not(NONE);
    for (const { who, to } of wanted) {
      const some = diagram.and(back, who);
      translated.set(to, diagram.or(translated.get(to) ?? NONE, some));
      back = diagram.without(back, some);
    }
    return { accept: NONE, drop: NONE, back, translated };
  }
}

interface Wanted {
  readonly who: Node;
  readonly to: string;
}
