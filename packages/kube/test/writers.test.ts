import { fail, ok } from '@muslin/net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Clock } from '../src/clock.ts';
import {
  aggregate,
  EventRecorder,
  KubeClient,
  NOTHING_TOLD,
  type Note,
  RESOURCES,
  StatusWriter,
} from '../src/index.ts';
import { FaultyServer, json, status } from './faulty-server.ts';

let now = 1_700_000_000_000;
const waits: number[] = [];
const clock: Clock = {
  now: () => now,
  sleep: async ms => {
    waits.push(ms);
  },
};
let server: FaultyServer;
let client: KubeClient;
beforeEach(async () => {
  waits.length = 0;
  server = await FaultyServer.start();
  client = new KubeClient(server.connection(), { timeoutMs: 1_000 });
});
afterEach(async () => {
  await client.close();
  await server.stop();
});

describe('StatusWriter', () => {
  const pool = (version: string, of: unknown) =>
    json({ kind: 'IPPool', metadata: { name: 'p', resourceVersion: version, uid: 'u' }, status: of });
  const name = { name: 'p' };
  const value = { conditions: [{ type: 'Allocatable', status: 'True' }] };

  it('patches only what differs, bound to the version it read', async () => {
    server.script = [pool('4', { old: 1, same: 2 }), json({})];
    const writer = new StatusWriter(client, { clock });
    expect(await writer.write(RESOURCES.IPPool, name, { value: { ...value, same: 2 } })).toEqual(
      ok('written'),
    );
    expect(server.seen[1]?.path).toBe('/apis/projectcalico.org/v3/ippools/p/status');
    expect(JSON.parse(server.seen[1]?.body ?? '')).toEqual({
      metadata: { resourceVersion: '4', uid: 'u' },
      status: { ...value, old: null },
    });
  });
  it('writes nothing when the status is already right, or when the object is gone', async () => {
    const writer = new StatusWriter(client, { clock });
    server.script = [pool('4', value)];
    expect(await writer.write(RESOURCES.IPPool, name, { value })).toEqual(ok('equal'));
    expect(server.seen.length).toBe(1);
    server.script = [status(404, 'NotFound', 'gone')];
    expect(await writer.write(RESOURCES.IPPool, name, { value })).toEqual(ok('gone'));
  });
  it('reads again and tries again after a conflict, and gives a refusal back', async () => {
    const writer = new StatusWriter(client, { clock, random: () => 0 });
    server.script = [pool('4', {}), status(409, 'Conflict', 'changed'), pool('5', {}), json({})];
    expect(await writer.write(RESOURCES.IPPool, name, { value })).toEqual(ok('written'));
    expect(JSON.parse(server.seen[3]?.body ?? '').metadata.resourceVersion).toBe('5');
    expect(waits).toEqual([50]);
    server.script = [pool('4', {}), status(422, 'Invalid', 'no')];
    expect(await writer.write(RESOURCES.IPPool, name, { value })).toMatchObject(fail({ code: 'Invalid' }));
  });
  it('writes a burst of wishes once, and the last one wins', async () => {
    const writer = new StatusWriter(client, { clock });
    server.script = [pool('4', {}), json({})];
    const outcomes = await Promise.all(
      [1, 2, 3].map(n => writer.write(RESOURCES.IPPool, name, { value: { n } })),
    );
    expect(outcomes).toEqual([ok('superseded'), ok('superseded'), ok('written')]);
    expect(server.seen.length).toBe(2);
    expect(JSON.parse(server.seen[1]?.body ?? '').status).toEqual({ n: 3 });
  });
  it('lets a function see the object as it is, and leave it alone', async () => {
    const writer = new StatusWriter(client, { clock });
    server.script = [pool('4', { n: 1 })];
    expect(
      await writer.write(RESOURCES.IPPool, name, object => (object['status'] === undefined ? {} : undefined)),
    ).toEqual(ok('equal'));
  });
});

describe('EventRecorder', () => {
  const note: Note = {
    about: { apiVersion: 'projectcalico.org/v3', kind: 'BGPPeer', name: 'tor', uid: 'u1' },
    type: 'Warning',
    reason: 'PeerUnreachable',
    message: '192.0.2.1 does not answer',
  };
  const reporter = { component: 'muslin-speaker', instance: 'n1' };

  it('writes an event in the object’s namespace, and counts its repeats', async () => {
    server.script = [json({})];
    const recorder = new EventRecorder(client, reporter, { clock });
    recorder.record(note);
    recorder.record(note);
    await recorder.flush();
    expect(server.seen.map(s => s.method)).toEqual(['POST', 'PATCH']);
    expect(server.seen[0]?.path).toBe('/api/v1/namespaces/default/events');
    const event = JSON.parse(server.seen[0]?.body ?? '');
    expect(event).toMatchObject({
      involvedObject: note.about,
      count: 1,
      source: { component: 'muslin-speaker', host: 'n1' },
    });
    expect(server.seen[1]?.path).toBe(`/api/v1/namespaces/default/events/${event.metadata.name}`);
    expect(JSON.parse(server.seen[1]?.body ?? '')).toMatchObject({ count: 2 });
    recorder.record({ ...note, message: 'another' });
    await recorder.flush();
    expect(server.seen.length).toBe(3);
  });
  it('writes a repeat anew when its event has expired', async () => {
    server.script = [json({}), status(404, 'NotFound', 'expired'), json({})];
    const recorder = new EventRecorder(client, reporter, { clock });
    recorder.record(note);
    recorder.record(note);
    await recorder.flush();
    expect(server.seen.map(s => s.method)).toEqual(['POST', 'PATCH', 'POST']);
  });
  it('goes on after a failure, and tells it', async () => {
    server.script = [status(500, 'InternalError', 'no'), json({})];
    const codes: string[] = [];
    const recorder = new EventRecorder(client, reporter, { clock, onFault: fault => codes.push(fault.code) });
    recorder.record(note);
    await recorder.flush();
    recorder.record({ ...note, reason: 'Other' });
    await recorder.flush();
    expect(codes).toEqual(['Other']);
    expect(server.seen.length).toBe(2);
  });
  it('drops a flood about one object, says how much, and goes on later', async () => {
    server.script = [json({})];
    const recorder = new EventRecorder(client, reporter, { clock });
    for (let i = 0; i < 40; i++) recorder.record({ ...note, message: `m${i}` });
    await recorder.flush();
    expect(recorder.dropped).toBe(15);
    expect(server.seen.length).toBe(25);
    now += 300_000;
    recorder.record({ ...note, message: 'later' });
    await recorder.flush();
    expect(server.seen.length).toBe(26);
  });
  it('begins a new event when the last repeat is long ago, and cuts long messages', () => {
    const first = aggregate(NOTHING_TOLD, { ...note, message: 'x'.repeat(2_000) }, reporter, 0);
    const later = aggregate(first.state, { ...note, message: 'x'.repeat(2_000) }, reporter, 600_000);
    expect(later.effect).toMatchObject({ type: 'create', event: { count: 1 } });
    expect(later.effect.type === 'create' && later.effect.event.message.length).toBe(1_001);
  });
});
