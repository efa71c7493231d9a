import {
  changeLinkRequest,
  deleteLink,
  deleteLinkGroup,
  type NetlinkFault,
  type NetlinkSocket,
} from '@muslin/linux';

/** Links of this group are about to go; the number spells "msl". */
const DOOMED_GROUP = 0x6d736c;

/**
 * Deletes links in one piece: each deletion waits for an RCU grace period (15–25 ms), however many links it takes along.
 * The fault of each; a link that is not there is one too (ENODEV).
 */
export function deleteLinks(
  socket: NetlinkSocket,
  names: readonly string[],
): readonly (NetlinkFault | undefined)[] {
  const [only, ...more] = names;
  if (only === undefined) return [];
  if (more.length === 0) {
    const gone = deleteLink(socket, only);
    return [gone.ok ? undefined : gone.fault];
  }
  const moved = socket.askAll(names.map(name => changeLinkRequest(name, { group: DOOMED_GROUP })));
  const gone = deleteLinkGroup(socket, DOOMED_GROUP);
  const fault = gone.ok ? undefined : gone.fault;
  return moved.map(own => own ?? fault);
}
