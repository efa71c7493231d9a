import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { parseGoTemplate } from '../../src/output/go-template/parse.ts';
import { renderGoTemplate } from '../../src/output/go-template/render.ts';
import { folder } from '../folder.ts';

const list = {
  apiVersion: 'muslin.test/v1',
  kind: 'Things',
  metadata: { name: 'list' },
  things: [
    {
      metadata: { name: 'a', labels: { 'k8s.io/os': 'linux' } },
      spec: { size: 26, on: true, uses: ['W', 'T'] },
    },
    { metadata: { name: 'b' }, spec: { size: 122, on: false } },
  ],
  data: { secret: 'aHVzaA==', empty: '', zero: 0, none: [] },
};

function show(text: string): string {
  const template = parseGoTemplate(text);
  if (!template.ok) return `fault: ${template.fault}`;
  const rendered = renderGoTemplate(template.value, list);
  return rendered.ok ? rendered.value : `fault: ${rendered.fault}`;
}

/** Templates that kubectl knows, too. */
const SHARED: readonly (readonly [template: string, text: string])[] = [
  ['{{.kind}}', 'Things'],
  ['{{range .things}}{{.metadata.name}}{{"\\n"}}{{end}}', 'a\nb\n'],
  ['{{range .things}}{{ .metadata.name }}:{{ .spec.size }} {{end}}', 'a:26 b:122 '],
  ['{{range .things}}{{if .spec.on}}{{.metadata.name}}{{else}}-{{end}}{{end}}', 'a-'],
  ['{{range .things}}{{if eq .metadata.name "b"}}{{$.kind}}{{end}}{{end}}', 'Things'],
  ['{{range .things}}{{with .spec.uses}}{{index . 1}}{{end}}{{end}}', 'T'],
  ['{{len .things}}', '2'],
  ['{{printf "%s has %d" .kind 2}}', 'Things has 2'],
  ['{{range .nothing}}x{{else}}none{{end}}', 'none'],
  ['a {{- .kind -}} b', 'aThingsb'],
  ['a {{- /* a note */ -}} b', 'ab'],
  ['{{/* a note */}}x', 'x'],
  ['{{.nothing}}', '<no value>'],
  ['{{.data.secret | base64decode}}', 'hush'],
  ['{{.things | len | printf "%03d"}}', '002'],
  ['{{index .things 0 | printf "%v" | len | lt 3}}', 'true'],
  ['{{(index .things 0).metadata.name}}', 'a'],
  ['{{index (index .things 0).metadata.labels "k8s.io/os"}}', 'linux'],
  ['{{$n := .kind}}{{range .things}}{{$n}}{{.metadata.name}} {{end}}', 'Thingsa Thingsb '],
  ['{{$n := 1}}{{range .things}}{{$n = .metadata.name}}{{end}}{{$n}}', 'b'],
  ['{{range $i, $e := .things}}{{if $i}}, {{end}}{{$i}}={{$e.metadata.name}}{{end}}', '0=a, 1=b'],
  ['{{range $k, $v := (index .things 0).metadata.labels}}{{$k}}={{$v}}{{end}}', 'k8s.io/os=linux'],
  ['{{range $e := .things}}{{$e.metadata.name}}{{.metadata.name}}{{end}}', 'aabb'],
  ['{{range .things}}{{if .spec.on}}{{continue}}{{end}}{{.metadata.name}}{{end}}', 'b'],
  ['{{range .things}}{{.metadata.name}}{{break}}{{end}}', 'a'],
  ['{{if .data.empty}}x{{else if .data.zero}}y{{else if .data.none}}z{{else}}nothing{{end}}', 'nothing'],
  ['{{with .data.empty}}x{{else}}{{.kind}}{{end}}', 'Things'],
  ['{{with $s := .data.secret}}{{$s}}{{.}}{{end}}', 'aHVzaA==aHVzaA=='],
  ['{{and .kind .data.empty}}|{{or .data.empty .kind}}|{{not .kind}}', '|Things|false'],
  ['{{and (eq .kind "Things") (ne .data.secret "x")}}', 'true'],
  ['{{eq .kind "a" "Things"}} {{lt 1 2}} {{le 2 2}} {{gt 1 2}} {{ge "b" "a"}}', 'true true true false true'],
  ['{{print 1 2 "a" "b" 3}}|{{println "a" 1}}', '1 2ab3|a 1\n'],
  ['{{printf "%-5s|%5s|%q|%t|%%|%.2s" "ab" "cd" "e" true "xyz"}}', 'ab   |   cd|"e"|true|%|xy'],
  ['{{(index .things 0).metadata.labels}} {{(index .things 0).spec.uses}}', 'map[k8s.io/os:linux] [W T]'],
  ['{{html "<a>"}} {{urlquery "a b&c"}} {{js "it\'s"}}', "&lt;a&gt; a+b%26c it\\'s"],
  ['{{slice .kind 1 3}}', 'hi'],
  ['{{exists . "data" "secret"}} {{exists . "data" "no"}}', 'true false'],
  ['{{"}}"}}{{`raw "x"`}}', '}}raw "x"'],
];

/** Templates of which kubectl says something else, or nothing that can be read. */
const OURS: readonly (readonly [template: string, text: string])[] = [
  ['{{range .things}}{{index .metadata.labels "k8s.io/os"}} {{end}}', 'linux <no value> '],
  ['{{.nothing.there}}', '<no value>'],
  ['{{range .things}}', 'fault: {{range}} without {{end}}'],
  ['{{end}}', 'fault: {{end}} without {{if}}, {{with}} or {{range}}'],
  ['{{else}}', 'fault: {{else}} without {{if}}, {{with}} or {{range}}'],
  ['{{if .a}}{{else}}{{else}}{{end}}', 'fault: {{else}} without {{if}}, {{with}} or {{range}}'],
  ['{{.a | lenn}}', 'fault: there is no function lenn. Did you mean "len"?'],
  ['{{.a .b}}', 'fault: only a function may have arguments, or follow a |'],
  ['{{"a" | .b}}', 'fault: only a function may have arguments, or follow a |'],
  ['{{(.a}}', 'fault: an unclosed ('],
  ['{{.a)}}', 'fault: ) stands where nothing may'],
  ['{{}}', 'fault: an empty {{}}'],
  ['{{.a', 'fault: an unclosed {{'],
  ['{{define "x"}}{{end}}', 'fault: {{define}} is not read here: write one template'],
  ['{{break}}', 'fault: {{break}} outside {{range}}'],
  ['{{index .things 7}}', 'fault: index out of range: 7'],
  ['{{len .data.zero}}', 'fault: len of 0: it has no length'],
  ['{{.kind | base64decode}}', 'fault: base64decode: Things is no base64'],
  ['{{eq .kind 1}}', "fault: eq: Things and 1 can't be compared"],
  ['{{$x}}', 'fault: there is no variable $x'],
];

describe('-o go-template', () => {
  it.each([...SHARED, ...OURS])('%s', (template, wanted) => {
    expect(show(template)).toBe(wanted);
  });

  it('says what kubectl says', () => {
    using dir = folder({
      'list.json': JSON.stringify(list),
      // One call for all: variables of one template must not be seen by the next.
      template: SHARED.map(([template]) => `{{if true}}${template}{{end}}`).join('\u0001'),
    });
    const args = ['patch', '--local', '-f', `${dir.path}/list.json`, '--type=merge', '-p', '{}'];
    const said = execFileSync('kubectl', [...args, '-o', `go-template-file=${dir.path}/template`], {
      encoding: 'utf8',
    });
    expect(said.split('\u0001')).toEqual(SHARED.map(([, text]) => text));
  });
});
