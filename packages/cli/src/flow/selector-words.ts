import { RESERVED_LABELS } from '@muslin/api';

const POD = `${RESERVED_LABELS.orchestrator} == "k8s"`;
const SOMEWHERE = `has(${RESERVED_LABELS.namespace})`;
const NAMESPACE = new RegExp(
  `^(?:${escaped(RESERVED_LABELS.namespace)}|pcns\\.(?:kubernetes\\.io/metadata\\.name|projectcalico\\.org/name)) == "([^"]*)"$`,
);
const OF_NAMESPACE = /^(!?has\()?pcns\./;
const ACCOUNT = new RegExp(`^${escaped(RESERVED_LABELS.serviceAccount)} == "([^"]*)"$`);
const OF_ACCOUNT = /^(!?has\()?pcsa\./;

/**
 * A selector as people would say it: `app == "web" in namespace shop`, where its text has the labels that only machines
 * need. One with alternatives keeps its form.
 */
export function selectorWords(text: string): string {
  // Parentheses other than has(…) and alternatives are no plain list of conditions.
  if (text.includes('||') || /(?<!\bhas)\(/.test(text))
    return text.replace(` && ${POD}`, '').replaceAll('pcns.', "namespace's ");
  const parts = text.split(' && ');
  const [own, homes, spaces, accounts]: [string[], string[], string[], string[]] = [[], [], [], []];
  const names: string[] = [];
  for (const part of parts) {
    const home = NAMESPACE.exec(part)?.[1];
    const account = ACCOUNT.exec(part)?.[1];
    if (part === POD || part === SOMEWHERE) continue;
    if (home !== undefined) homes.push(home);
    else if (OF_NAMESPACE.test(part)) spaces.push(part.replace('pcns.', ''));
    else if (account !== undefined) names.push(account);
    else if (OF_ACCOUNT.test(part)) accounts.push(part.replace('pcsa.', ''));
    else own.push(part);
  }
  const anyone = parts.includes(POD) || names.length > 0 ? 'a pod' : 'anything';
  const words = [own.length > 0 ? own.join(' && ') : anyone];
  if (homes.length > 0) words.push(`in namespace ${homes.join(' and ')}`);
  else if (spaces.length > 0) words.push(`in a namespace with ${spaces.join(' && ')}`);
  else if (parts.includes(SOMEWHERE)) words.push('in any namespace');
  if (homes.length > 0 && spaces.length > 0) words.push(`with ${spaces.join(' && ')}`);
  if (names.length > 0) words.push(`under service account ${names.join(' and ')}`);
  if (accounts.length > 0) words.push(`under a service account with ${accounts.join(' && ')}`);
  return words.join(' ');
}

function escaped(text: string): string {
  return text.replaceAll('.', '\\.').replaceAll('/', '\\/');
}
