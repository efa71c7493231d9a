import { describe, expect, it } from 'vitest';
import { parseJsonPath, renderJsonPath } from '../../src/output/json-path.ts';

const list = {
  kind: 'List',
  items: [
    {
      metadata: { name: 'a', labels: { 'kubernetes.io/os': 'linux' } },
      spec: { cidr: '10.0.0.0/8', blockSize: 26, natOutgoing: true, allowedUses: ['Workload', 'Tunnel'] },
      status: { conditions: [{ type: 'Allocatable', status: 'True' }] },
    },
    { metadata: { name: 'b' }, spec: { cidr: 'fd00::/48', blockSize: 122 } },
  ],
};

function show(text: string): string {
  const template = parseJsonPath(text);
  return template.ok ? renderJsonPath(template.value, list) : `fault: ${template.fault}`;
}

describe('-o jsonpath', () => {
  it.each([
    ['{.items[*].metadata.name}', 'a b'],
    ['{.items[0].spec.cidr}', '10.0.0.0/8'],
    ['{.items[-1].spec.cidr}', 'fd00::/48'],
    ['{.items[0:1].metadata.name}', 'a'],
    ['{$.kind}', 'List'],
    ['.kind', 'List'],
    ['kind', 'List'],
    ['{.items[*].spec.allowedUses[1]}', 'Tunnel'],
    ['{.items[0].spec.allowedUses}', '["Workload","Tunnel"]'],
    ['{..cidr}', '10.0.0.0/8 fd00::/48'],
    ["{.items[0].metadata.labels['kubernetes.io/os']}", 'linux'],
    ['{.items[0].metadata.labels.kubernetes\\.io/os}', 'linux'],
    ['{.items[?(@.spec.blockSize==122)].metadata.name}', 'b'],
    ['{.items[?(@.spec.blockSize<100)].metadata.name}', 'a'],
    ['{.items[?(@.metadata.name!="a")].metadata.name}', 'b'],
    ['{.items[?(@.spec.natOutgoing)].metadata.name}', 'a'],
    ['{.items[0].status.conditions[?(@.type=="Allocatable")].status}', 'True'],
    ["{.items[0].status.conditions[?(@.type=='Other')].status}", ''],
    ['{range .items[*]}{.metadata.name}{"\\t"}{.spec.cidr}{"\\n"}{end}', 'a\t10.0.0.0/8\nb\tfd00::/48\n'],
    ['names: {.items[*].metadata.name}!', 'names: a b!'],
    ['{.nothing.there}', ''],
    ["{'it''s'}", "fault: \"'it''s'\" is no path"],
    ['{range .items[*]}{.metadata.name}', 'fault: {range} without {end}'],
    ['{end}', 'fault: {end} without {range}'],
    ['{.items[x y]}', 'fault: "[x y]" is no path'],
    ['{.a', 'fault: unbalanced { in "{.a"'],
  ])('%s', (template, wanted) => {
    expect(show(template)).toBe(wanted);
  });
});
