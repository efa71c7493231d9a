import type { BfdSession } from '@muslin/bgp';
import { mustIp } from '@muslin/net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { BfdChange } from '../../src/bfd/bfd-messages.ts';
import { type BfdWorker, startBfd } from '../../src/bfd/start-bfd.ts';
import { pause, TwoRooms, until } from './two-rooms.ts';

/** Needs FRR (/usr/lib/frr/bfdd, vtysh). */
const PACE = 'detect-multiplier 3\n  receive-interval 50\n  transmit-interval 50\n ';
const CONFIG = `
bfd
 peer 10.78.0.1 local-address 10.78.0.2 interface msl0
  ${PACE}exit
 peer fd78::1 local-address fd78::2 interface msl0
  ${PACE}exit
 peer 10.78.0.1 multihop local-address 10.78.0.2
  ${PACE}exit
exit
`;

let rooms: TwoRooms;
let worker: BfdWorker;
const changes: BfdChange[] = [];

beforeAll(() => {
  rooms = new TwoRooms('f');
  worker = startBfd({ namespace: rooms.ours, onState: change => changes.push(change) });
});
afterAll(async () => {
  await worker.stop();
  rooms.close();
});

const sessions = (interval: number): readonly BfdSession[] => {
  const pace = { transmitInterval: interval, receiveInterval: interval };
  const v4 = { peer: mustIp('10.78.0.2'), local: mustIp('10.78.0.1'), ...pace };
  return [v4, { peer: mustIp('fd78::2'), local: mustIp('fd78::1'), ...pace }, { ...v4, multihop: true }];
};
const states = () => changes.map(({ state }) => state);
const detection = async () => (await worker.report()).sessions.map(session => session.detectionTime);

interface FrrPeer {
  readonly status: string;
  readonly diagnostic: string;
  readonly 'remote-receive-interval': number;
}

test('FRR and we come Up, change pace, and notice when the other goes', async () => {
  const frr = rooms.frr(CONFIG);
  const peers = () => JSON.parse(frr.ask('show bfd peers json')) as FrrPeer[];
  const inFrr = (condition: (peer: FrrPeer) => boolean) => () => {
    try {
      return peers().length === 3 && peers().every(condition);
    } catch {
      return false;
    }
  };
  worker.setSessions(sessions(50));
  await until('up at both ends', () => states().length === 3 && inFrr(peer => peer.status === 'up')());
  expect(states()).toEqual(['up', 'up', 'up']);
  await until('FRR’s pace', async () => (await detection()).every(ms => ms === 150));

  worker.setSessions(sessions(200));
  await until(
    'our pace in FRR',
    inFrr(peer => peer['remote-receive-interval'] === 200),
  );
  await until('the slower pace', async () => (await detection()).every(ms => ms === 600));
  worker.setSessions(sessions(50));
  await until('the faster pace', async () => (await detection()).every(ms => ms === 150));
  await pause(500);
  expect(states()).toEqual(['up', 'up', 'up']);

  frr.ask('configure terminal', 'bfd', 'peer 10.78.0.1 local-address 10.78.0.2 interface msl0', 'shutdown');
  await until('FRR turned one off', () => states().length === 4);
  expect(changes.at(-1)).toMatchObject({ session: '10.78.0.2 from 10.78.0.1', state: 'adminDown' });
  frr.ask(
    'configure terminal',
    'bfd',
    'peer 10.78.0.1 local-address 10.78.0.2 interface msl0',
    'no shutdown',
  );
  await until('it is back', () => states().length === 5 && states().at(-1) === 'up');
  await until('its pace', async () => (await detection()).every(ms => ms === 150));

  worker.setSessions(sessions(50).slice(1));
  await until('FRR heard AdminDown', () => peers().filter(peer => peer.status === 'up').length === 2);
  expect(peers().map(peer => peer.diagnostic)).toContain('neighbor signaled session down');

  const killed = performance.timeOrigin + performance.now();
  frr.kill();
  await until('two down', () => states().filter(state => state === 'down').length === 2);
  for (const change of changes.slice(-2)) {
    process.stdout.write(
      `  bfdd killed, 50 ms × 3, ${change.session}: ${(change.at - killed).toFixed(1)} ms\n`,
    );
    expect(change).toMatchObject({ state: 'down', diagnostic: 1 });
  }
});
