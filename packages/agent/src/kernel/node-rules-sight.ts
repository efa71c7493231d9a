import { type NodeRules, seeNodeRulesAgain } from './choose-back-end.ts';

/** How often to look: it takes two looks (docs/decisions/0008). */
const LOOK_MS = 150_000;

/**
 * What the node's programs are taken to use, look after look: kube-proxy has moved when two looks in a row say so, since
 * between its two modes it has both or neither. Which iptables others use is only asked when it did.
 */
export class NodeRulesSight {
  #believed: NodeRules;
  #doubted = false;

  constructor(first: NodeRules) {
    this.#believed = first;
  }

  /** What to go by from now on: the same object as before while nothing else is certain. */
  take(seen: NodeRules | undefined): NodeRules {
    const moved = seen !== undefined && seen.kubeProxyInNftables !== this.#believed.kubeProxyInNftables;
    if (moved && this.#doubted) this.#believed = seen;
    this.#doubted = moved && this.#believed !== seen;
    return this.#believed;
  }
}

/** Tells when kube-proxy moved. Gives what ends it. */
export function watchNodeRules(first: NodeRules, moved: (now: NodeRules) => void): () => void {
  const sight = new NodeRulesSight(first);
  let known = first;
  const timer = setInterval(async () => {
    const now = sight.take(await seeNodeRulesAgain());
    if (now === known) return;
    known = now;
    moved(now);
  }, LOOK_MS);
  return () => clearInterval(timer);
}
