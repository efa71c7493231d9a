import { describe, expect, it } from 'vitest';
import { wantedHostEndpoints } from '../src/host-endpoints/wanted-host-endpoints.ts';

const SETTINGS = {
  autoCreate: 'Enabled',
  createDefaultHostEndpoint: 'Disabled',
  templates: [{ generateName: 'nic', interfacePattern: '^(e.*)+0$' }],
};
/** What a template by name makes of a Node whose annotation says this of its interfaces. */
const named = (interfaces: string) =>
  wantedHostEndpoints(SETTINGS, [
    { metadata: { name: 'n1', annotations: { 'projectcalico.org/Interfaces': interfaces } } },
  ]).wanted.map(({ name, spec }) => [name, spec.interfaceName]);

describe('host endpoints that a template names by interface', () => {
  it('are those that the annotation of the Node has', () => {
    expect(named('[{"name":"eth0","addresses":["192.0.2.1"]},{"name":"lo"},{"name":"ens1.10"}]')).toEqual([
      ['n1-nic-eth0-auto-hep', 'eth0'],
      ['n1-nic-ens1.10-auto-hep', 'ens1.10'],
    ]);
  });

  it('leave out what is no name, whoever wrote it there: a node may write its own annotations', () => {
    for (const text of [
      'eth0',
      '7',
      'null',
      '{"name":"eth0"}',
      '[7]',
      '[null]',
      '[{"name":10}]',
      '[{"name":{"length":4}}]',
      '[{"name":""}]',
      // Longer than any interface's name: no pattern has to think about it.
      JSON.stringify([{ name: `${'e'.repeat(5_000)}1` }]),
    ])
      expect(named(text), text).toEqual([]);
  });
});
