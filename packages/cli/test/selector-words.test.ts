import { expect, it } from 'vitest';
import { selectorWords } from '../src/flow/selector-words.ts';

it.each([
  [
    'app == "web" && projectcalico.org/namespace == "shop" && projectcalico.org/orchestrator == "k8s"',
    'app == "web" in namespace shop',
  ],
  [
    'projectcalico.org/namespace == "shop" && projectcalico.org/orchestrator == "k8s"',
    'a pod in namespace shop',
  ],
  ['has(projectcalico.org/namespace) && projectcalico.org/orchestrator == "k8s"', 'a pod in any namespace'],
  [
    'pcns.team == "ops" && projectcalico.org/orchestrator == "k8s"',
    'a pod in a namespace with team == "ops"',
  ],
  ['!has(pcns.team) && role == "api"', 'role == "api" in a namespace with !has(team)'],
  ['pcns.kubernetes.io/metadata.name == "b"', 'anything in namespace b'],
  [
    'pcsa.role == "db" && projectcalico.org/namespace == "a"',
    'anything in namespace a under a service account with role == "db"',
  ],
  ['all()', 'all()'],
  ['a == "1" || (b == "2" && pcns.c == "3")', 'a == "1" || (b == "2" && namespace\'s c == "3")'],
])('%s is told as %s', (text, words) => {
  expect(selectorWords(text)).toBe(words);
});
