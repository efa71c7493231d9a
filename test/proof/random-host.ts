import type { Dice } from './dice.ts';
import { LABELS } from './population.ts';

interface WrittenHost {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> };
  readonly spec: object;
}

/** Host endpoints of some nodes: by name, by address, or for all interfaces; some with a profile that opens them. */
export function randomHosts(
  dice: Dice,
  nodes: readonly { readonly name: string; readonly ip: string }[],
): readonly WrittenHost[] {
  return nodes.flatMap(({ name, ip }) => {
    if (dice.chance(0.5)) return [];
    const labels = Object.entries(LABELS).flatMap(([key, values]) =>
      dice.chance(0.5) ? [[key, dice.pick(values)] as const] : [],
    );
    const place = dice.pick([
      { interfaceName: 'eth0', expectedIPs: [ip] },
      { expectedIPs: [ip] },
      { interfaceName: '*', expectedIPs: [ip] },
    ]);
    return [
      {
        apiVersion: 'projectcalico.org/v3',
        kind: 'HostEndpoint',
        metadata: { name: `${name}-host`, labels: Object.fromEntries(labels) },
        spec: {
          node: name,
          ...place,
          ...(dice.chance(0.3) && { ports: [{ name: 'http', protocol: 'TCP', port: 8080 }] }),
          ...(dice.chance(0.7) && { profiles: ['projectcalico-default-allow'] }),
        },
      },
    ];
  });
}
