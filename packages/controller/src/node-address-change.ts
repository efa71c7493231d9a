import type { AnyObject, Note } from '@muslin/kube';

/** Where agents write the address that others know their node by, and why (`node-address.ts` of the agent). */
const CHOICES = ['muslin.dev/ipv4-address-choice', 'muslin.dev/ipv6-address-choice'] as const;

/** What is to be told when a node became known by another address; undefined when it did not. */
export function addressChangeNote(before: AnyObject, now: AnyObject): Note | undefined {
  const moved = CHOICES.flatMap(key => {
    const [was, is] = [before, now].map(({ metadata }) => metadata.annotations?.[key]);
    const [from, to] = [addressIn(was), addressIn(is)];
    return from === undefined || to === undefined || from === to ? [] : [`${from} became ${is}`];
  });
  if (moved.length === 0) return undefined;
  const { name = '', uid } = now.metadata;
  return {
    about: { apiVersion: 'v1', kind: 'Node', name, ...(uid === undefined ? {} : { uid }) },
    type: 'Warning',
    reason: 'NodeAddressChanged',
    message: `${moved.join('; ')}; tunnels and BGP sessions of the node move with it`,
  };
}

/** `first-found: 192.0.2.1/24 on eth0, since …`. */
function addressIn(choice: string | undefined): string | undefined {
  return /^\S+: ([0-9a-f.:]+)\/\d/.exec(choice ?? '')?.[1];
}
