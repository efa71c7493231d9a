import type { KubeClient } from '@muslin/kube';
import { fail } from '@muslin/net';

const WRITES = new Set(['create', 'update', 'patch', 'delete']);

/**
 * A client whose calls go wrong at random: not sent, sent but the answer lost, refused as a conflict. `dice` gives a
 * number in [0, 1) for each call.
 */
export function faultyClient(client: KubeClient, dice: () => number, share: number): KubeClient {
  const lost = (code: 'Unreachable' | 'Conflict') =>
    fail({ code, message: `${code}, by the test`, request: '' });
  return new Proxy(client, {
    get(target, name) {
      const method: unknown = Reflect.get(target, name, target);
      if (typeof method !== 'function') return method;
      const call = method.bind(target) as (...args: unknown[]) => Promise<unknown>;
      if (!WRITES.has(String(name)) && name !== 'get' && name !== 'listAll') return call;
      return async (...args: unknown[]) => {
        const thrown = dice() / share;
        if (thrown < 0.4) return lost('Unreachable');
        if (thrown < 0.7 && WRITES.has(String(name))) return lost('Conflict');
        const answer = await call(...args);
        return thrown < 1 ? lost('Unreachable') : answer;
      };
    },
  });
}

/** A client that now and then reads what it read before, as one does whose watch lags: same question, older answer. */
export function laggingClient(client: KubeClient, dice: () => number, share: number): KubeClient {
  const before = new Map<string, unknown>();
  return new Proxy(client, {
    get(target, name) {
      const method: unknown = Reflect.get(target, name, target);
      if (typeof method !== 'function') return method;
      const call = method.bind(target) as (...args: unknown[]) => Promise<unknown>;
      if (name !== 'get' && name !== 'listAll') return call;
      return async (...args: unknown[]) => {
        const question = JSON.stringify([name, ...args]);
        if (before.has(question) && dice() < share) return structuredClone(before.get(question));
        const answer = await call(...args);
        before.set(question, structuredClone(answer));
        return answer;
      };
    },
  });
}
