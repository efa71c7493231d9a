import { runCommand } from '@muslin/linux';
import { fail, ok, type Result } from '@muslin/net';

/** Our table against interfaces of pods that nobody has named yet: beside either back end, and apart from policy. */
export const STRANGER_TABLE = 'inet muslin-strangers';

/** ICMPv6 without which IPv6 has no link (RFC 4890 §4.4.1); connection tracking leaves it untracked. */
const LINK_TYPES =
  'mld-listener-query, mld-listener-report, mld-listener-done, nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert';

/** Whoever looks at a packet, and from where it comes or to where it goes. */
const HOOKS = [
  { hook: 'forward', ways: ['iifname', 'oifname'] },
  { hook: 'input', ways: ['iifname'] },
] as const;

/**
 * One transaction for `nft -f`: interfaces whose names begin so get nothing through that did not flow before, and may not speak to
 * their node first. Who is known has another name. No prefixes: no table.
 */
export function strangerScript(prefixes: readonly string[]): string {
  // Made before it is deleted, so that deleting what is not there is fine.
  const lines = [`add table ${STRANGER_TABLE}`, `delete table ${STRANGER_TABLE}`];
  if (prefixes.length === 0) return `${lines.join('\n')}\n`;
  lines.push(`add table ${STRANGER_TABLE}`);
  for (const { hook, ways } of HOOKS)
    lines.push(
      `add chain ${STRANGER_TABLE} ${hook} { type filter hook ${hook} priority -10; policy accept; }`,
      `add rule ${STRANGER_TABLE} ${hook} ct state established,related accept`,
      ...(hook === 'input'
        ? [`add rule ${STRANGER_TABLE} ${hook} icmpv6 type { ${LINK_TYPES} } accept`]
        : []),
      ...prefixes.flatMap(prefix =>
        ways.map(way => `add rule ${STRANGER_TABLE} ${hook} ${way} "${prefix}*" counter drop`),
      ),
    );
  return `${lines.join('\n')}\n`;
}

/** Whether what `nft list ruleset inet` prints holds them all back. */
export function barsAll(listed: string, prefixes: readonly string[]): boolean {
  const [, table = ''] = listed.split(`table ${STRANGER_TABLE} {`);
  const [own = ''] = table.split('\n}');
  const count = own.split(' drop\n').length - 1;
  const wanted = prefixes.length * HOOKS.flatMap(({ ways }) => ways).length;
  return count === wanted && prefixes.every(prefix => own.includes(`oifname "${prefix}*"`));
}

/** Makes the kernel hold strangers back, or no longer; touches nothing where it does so already. */
export async function barStrangers(
  prefixes: readonly string[],
): Promise<Result<'there' | 'changed', { readonly message: string }>> {
  const listed = await runCommand('nft', ['list', 'ruleset', 'inet'], { timeoutMs: 15_000 });
  if (
    listed.ok &&
    barsAll(listed.value, prefixes) &&
    (prefixes.length > 0 || !listed.value.includes(STRANGER_TABLE))
  )
    return ok('there');
  const ran = await runCommand('nft', ['-f', '-'], { input: strangerScript(prefixes), timeoutMs: 15_000 });
  return ran.ok
    ? ok('changed')
    : fail({ message: `interfaces of unknown pods can't be held back: ${ran.fault.message}` });
}
