import { hostAddress } from '../members/member-text.ts';
import { isEmptyNftPlan, type NftElements, type NftPlan, nftSetType, nftTableName } from './plan.ts';
import type { NftChain } from './table.ts';

/** Elements per statement. */
const CHUNK = 512;

/**
 * The plan as input of `nft -f`: one transaction. Rules and elements that refer to something come after it is
 * made and go before it is removed. An empty plan is an empty text.
 */
export function nftScript(plan: NftPlan): string {
  if (isEmptyNftPlan(plan)) return '';
  const table = nftTableName(plan.family);
  const lines = [`add table ${table}`];
  if (plan.drop) return `add table ${table}\ndelete table ${table}\n`;
  if (plan.rebuild) lines.push(`delete table ${table}`, `add table ${table}`);
  for (const set of plan.createSets)
    lines.push(`add set ${table} ${set.name} { ${nftSetType(set, plan.family)} }`);
  for (const map of plan.createMaps) lines.push(`add map ${table} ${map} { type ifname : verdict; }`);
  for (const chain of plan.createChains) lines.push(`add chain ${table} ${chain.name}${baseText(chain)}`);
  for (const chain of plan.rewrite) lines.push(`flush chain ${table} ${chain.name}`);
  for (const name of plan.removeChains) lines.push(`flush chain ${table} ${name}`);
  for (const set of plan.recreateSets)
    lines.push(
      `delete set ${table} ${set.name}`,
      `add set ${table} ${set.name} { ${nftSetType(set, plan.family)} }`,
    );
  const elements = (verb: string, { name, kind }: NftElements, members: readonly string[]) => {
    const list = kind === 'host' ? members.map(member => hostAddress(member, plan.family)) : members;
    for (let i = 0; i < list.length; i += CHUNK)
      lines.push(
        `${verb} element ${table} ${name} { ${list
          .slice(i, i + CHUNK)
          .map(safeElement)
          .join(', ')} }`,
      );
  };
  for (const change of plan.elements) elements('delete', change, change.remove);
  for (const change of plan.elements) elements('add', change, change.add);
  for (const chain of plan.rewrite)
    for (const rule of chain.rules) lines.push(`add rule ${table} ${chain.name} ${rule.text}`);
  for (const name of plan.removeMaps) lines.push(`delete map ${table} ${name}`);
  for (const name of plan.removeChains) lines.push(`delete chain ${table} ${name}`);
  for (const name of plan.removeSets) lines.push(`delete set ${table} ${name}`);
  lines.push('');
  return lines.join('\n');
}

function baseText(chain: NftChain): string {
  if (chain.base === undefined) return '';
  const [type, hook, priority] = chain.base.split(' ');
  return ` { type ${type} hook ${hook} priority ${priority}; policy accept; }`;
}

/** A name that could end its element is a bug of the caller. */
function safeElement(element: string): string {
  if (!/^[A-Za-z0-9_.:/+@%=" -]{1,128}$/.test(element))
    throw new Error(`unsafe in nft: ${JSON.stringify(element)}`);
  return element;
}
