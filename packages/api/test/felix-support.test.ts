import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, test } from 'vitest';
import { felixConfiguration } from '../src/kinds/felix-configuration.ts';
import { FELIX_SUPPORT } from '../src/kinds/felix/support.ts';
import { crdOf, normalise } from '../src/index.ts';

const packages = fileURLToPath(new URL('../..', import.meta.url));
const fields = Object.keys(
  crdOf(felixConfiguration).spec.versions[0]?.schema.openAPIV3Schema.properties?.['spec']?.properties ?? {},
);

describe('every field of a FelixConfiguration', () => {
  it('has a row that says what becomes of it, and no other has', () => {
    expect(fields.length).toBeGreaterThan(150);
    expect(Object.keys(FELIX_SUPPORT).toSorted()).toEqual(fields.toSorted());
  });

  it('that is acted on is read by a program, and one that is not is read by none', () => {
    const sources = globSync('{agent,policy,dataplane,speaker,api/src/normalise}/**/*.ts', { cwd: packages })
      .filter(path => !path.includes('/test/') && !path.includes('node_modules'))
      .map(path => readFileSync(packages + path, 'utf8'))
      .join('\n');
    const read = (field: string) => sources.includes(`'${field}'`);
    const rows = Object.entries(FELIX_SUPPORT);
    expect(
      rows.filter(([field, { is }]) => is === 'honoured' && !read(field)).map(([field]) => field),
    ).toEqual([]);
    // Speakers have settings of the same names in BGPConfiguration.
    const shared = ['ipv4NormalRoutePriority', 'ipv6NormalRoutePriority'];
    const kept = rows.filter(([field, { is }]) => is === 'kept' && !shared.includes(field) && read(field));
    expect(kept.map(([field]) => field)).toEqual([]);
  });
});

const findings = (spec: object) =>
  normalise({
    ...{ apiVersion: 'projectcalico.org/v3', kind: 'FelixConfiguration', metadata: { name: 'default' } },
    spec,
  }).findings.map(({ path, severity, message }) => `${severity} ${path} ${message}`);

test('a field that changes nothing is told with its reason, unless it asks for what is done anyway', () => {
  expect(
    findings({
      bpfEnabled: true,
      bpfLogLevel: 'Info',
      chainInsertMode: 'Append',
      vxlanVNI: 5,
      xdpEnabled: false,
    }),
  ).toEqual([
    'warning spec.bpfEnabled kept, not acted on: Muslin enforces by iptables or nftables, not by eBPF',
    'warning spec.bpfLogLevel kept, not acted on: Muslin enforces by iptables or nftables, not by eBPF',
    'warning spec.chainInsertMode kept, not acted on: the rules of Muslin come first: behind others they would not be asked',
  ]);
  expect(findings({ bpfEnabled: false, nftablesMode: 'Auto', nftablesFlowTableOffload: 'Disabled' })).toEqual(
    [],
  );
});
