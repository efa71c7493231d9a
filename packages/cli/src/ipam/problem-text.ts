import { handleName, type Problem } from '@muslin/ipam';
import { formatIp, formatPrefix } from '@muslin/net';

/** A problem in words, and what to do about it. */
export interface ProblemText {
  readonly what: string;
  readonly repair: string;
}

/** Says what is wrong, object first, and which command or event repairs it. */
export function problemText(problem: Problem): ProblemText {
  switch (problem.code) {
    case 'unreadable':
      return {
        what: `${problem.object} cannot be read: ${problem.message}`,
        repair: 'repair it by hand (kubectl edit): Muslin leaves it alone',
      };
    case 'overlapping-blocks':
      return {
        what: `IPAMBlock ${problem.blocks.map(formatPrefix).join(' overlaps with IPAMBlock ')}`,
        repair: 'drain the pods of the smaller one, so that it goes',
      };
    case 'double-owner':
      return {
        what: `${formatIp(problem.ip)} is used by several pods: ${problem.pods.join(', ')}`,
        repair: `delete all of them but one: ${problem.pods.slice(1).map(deletePod).join('; ')}`,
      };
    case 'other-holder':
      return {
        what: `${formatIp(problem.ip)} is used by Pod ${problem.pod}, but is assigned to ${problem.heldBy}`,
        repair: deletePod(problem.pod),
      };
    case 'not-assigned':
      if (problem.blockGone)
        return {
          what: `${formatIp(problem.ip)} is used by Pod ${problem.pod}, and its IPAMBlock was deleted`,
          repair: `its node claims the block again within a minute and writes down who has what; if it does not: ${deletePod(problem.pod)}`,
        };
      return {
        what: `${formatIp(problem.ip)} is used by Pod ${problem.pod}, but IPAM holds it free`,
        repair: deletePod(problem.pod),
      };
    case 'block-outside-pools':
      return {
        what: `IPAMBlock ${formatPrefix(problem.block)} is in no IPPool`,
        repair: 'it goes when its last pod is gone; create a pool that holds it to keep it',
      };
    case 'block-without-affinity':
      return {
        what: `IPAMBlock ${formatPrefix(problem.block)} belongs to ${problem.owner}, which has no BlockAffinity`,
        repair: 'the controller writes it anew within ten minutes (not with --garbage off or dry-run)',
      };
    case 'affinity-without-block':
      return {
        what: `BlockAffinity of ${problem.owner} names ${formatPrefix(problem.block)}, which is not its block`,
        repair: "the node's next claim makes the block or gives the affinity up",
      };
    case 'unfinished-affinity':
      return {
        what: `BlockAffinity of ${problem.owner} for ${formatPrefix(problem.block)} is ${problem.state}`,
        repair: "a claim under way, or one that was broken off: the node's next claim ends it",
      };
    case 'orphan':
      return {
        what: `${formatIp(problem.ip)} of handle ${problem.handleId}: the IPAMHandle does not name IPAMBlock ${formatPrefix(problem.block)}`,
        repair: `once its pod is gone: muslinctl ipam release --ip ${formatIp(problem.ip)} --force`,
      };
    case 'dangling-handle':
      return {
        what: `IPAMHandle ${problem.handleId} counts ${problem.counted}${problem.block === '' ? '' : ` in ${problem.block}`}, there are ${problem.found}`,
        repair:
          problem.found === 0
            ? `once its pod is gone: muslinctl delete ipamhandle ${handleName(problem.handleId)}`
            : 'the release of its pod clears it',
      };
    default:
      return problem satisfies never;
  }
}

function deletePod(name: string): string {
  const [namespace, pod] = name.split('/');
  return `kubectl delete pod -n ${namespace} ${pod}`;
}
