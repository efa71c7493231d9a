import { describe, expect, it } from 'vitest';
import { parseGoTemplate, renderGoTemplate } from '../../src/output/go-template.ts';

const list = {
  kind: 'List',
  items: [
    {
      metadata: { name: 'a', labels: { 'k8s.io/os': 'linux' } },
      spec: { size: 26, on: true, uses: ['W', 'T'] },
    },
    { metadata: { name: 'b' }, spec: { size: 122, on: false } },
  ],
};

function show(text: string): string {
  const template = parseGoTemplate(text);
  return template.ok ? renderGoTemplate(template.value, list) : `fault: ${template.fault}`;
}

describe('-o go-template', () => {
  it.each([
    ['{{.kind}}', 'List'],
    ['{{range .items}}{{.metadata.name}}{{"\\n"}}{{end}}', 'a\nb\n'],
    ['{{range .items}}{{ .metadata.name }}:{{ .spec.size }} {{end}}', 'a:26 b:122 '],
    ['{{range .items}}{{if .spec.on}}{{.metadata.name}}{{else}}-{{end}}{{end}}', 'a-'],
    ['{{range .items}}{{if eq .metadata.name "b"}}{{$.kind}}{{end}}{{end}}', 'List'],
    ['{{range .items}}{{with .spec.uses}}{{index . 1}}{{end}}{{end}}', 'T'],
    ['{{range .items}}{{index .metadata.labels "k8s.io/os"}} {{end}}', 'linux <no value> '],
    ['{{len .items}}', '2'],
    ['{{printf "%s has %d" .kind 2}}', 'List has 2'],
    ['{{range .nothing}}x{{else}}none{{end}}', 'none'],
    ['a {{- .kind -}} b', 'aListb'],
    ['{{.nothing.there}}', '<no value>'],
    ['{{/* a note */}}x', 'x'],
    ['{{range .items}}', 'fault: {{range}} without {{end}}'],
    ['{{end}}', 'fault: {{end}} without {{if}} or {{range}}'],
    [
      '{{.a | len}}',
      'fault: | is not read here: only paths, literals and index, len, eq, ne, not, and, or, print, printf, println',
    ],
    ['{{.a', 'fault: an unclosed {{'],
  ])('%s', (template, wanted) => {
    expect(show(template)).toBe(wanted);
  });
});
