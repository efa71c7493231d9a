import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { PROGRAMS } from '../../deploy/build.ts';
import { generate } from '../../deploy/generate.ts';
import { KINDS } from './kinds.ts';
import { CASES, containersOf, kindOf, type Manifest, nameOf, objectsOf, podOf } from './installation.ts';
import { misfits } from './shape.ts';

const DEPLOY = fileURLToPath(new URL('../../deploy', import.meta.url));
/** Exist in every cluster (PriorityClass of kube-apiserver's own). */
const PRIORITY_CLASSES = ['system-node-critical', 'system-cluster-critical'];

it('the files of deploy/ are what their sources say', () => {
  expect(generate(DEPLOY, false), 'run: node deploy/generate.ts').toEqual([]);
});

it('a shape finds what is missing, unknown or of another type', () => {
  const shape = { 'a!': 'text', b: [{ c: 'number' }] } as const;
  expect(misfits({ b: [{ c: 'x', d: 1 }] }, shape)).toEqual([
    '.a is missing',
    '.b[0].c is no number',
    '.b[0].d is unknown',
  ]);
});

describe.each(Object.entries(CASES))('an installation %s', (_name, changes) => {
  const objects = objectsOf(changes);
  const find = (kind: string, name: string) => objects.find(o => o.kind === kind && o.metadata.name === name);
  const workloads = objects.filter(podOf);

  it('has no field that Kubernetes does not know, and lacks none', () => {
    const complaints = objects.flatMap(object => {
      const shape = KINDS[kindOf(object)];
      return shape === undefined ? [] : misfits(object, shape, nameOf(object));
    });
    expect(complaints).toEqual([]);
  });

  it('has no two objects of one name', () => {
    const names = objects.map(nameOf);
    expect(names).toEqual([...new Set(names)]);
  });

  it('selects its own pods by labels that they have', () => {
    const labels = (selector: Manifest) => Object.entries(selector.matchLabels ?? selector);
    for (const object of workloads)
      expect(podOf(object).metadata.labels).toMatchObject(object.spec.selector.matchLabels);
    const selecting = objects.filter(o =>
      ['PodDisruptionBudget', 'NetworkPolicy', 'Service'].includes(o.kind),
    );
    for (const object of selecting) {
      const selector = object.spec.podSelector ?? object.spec.selector;
      const picked = workloads.filter(w =>
        labels(selector).every(([key, value]) => podOf(w).metadata.labels[key] === value),
      );
      expect(picked.map(nameOf), nameOf(object)).toHaveLength(1);
    }
  });

  it('names service accounts, roles, volumes and ports that exist', () => {
    for (const object of workloads) {
      const { spec } = podOf(object);
      if (spec.serviceAccountName !== undefined)
        expect(find('ServiceAccount', spec.serviceAccountName), nameOf(object)).toBeDefined();
      else expect(spec.automountServiceAccountToken).toBe(false);
      expect(PRIORITY_CLASSES).toContain(spec.priorityClassName);
      const volumes = (spec.volumes as readonly Manifest[]).map(volume => volume.name);
      const mounted = containersOf(object).flatMap(c => (c.volumeMounts ?? []).map((m: Manifest) => m.name));
      expect([...new Set(mounted)].sort(), nameOf(object)).toEqual([...volumes].sort());
    }
    for (const object of objects.filter(o => o.kind.endsWith('RoleBinding'))) {
      expect(find(object.roleRef.kind, object.roleRef.name), nameOf(object)).toBeDefined();
      for (const subject of object.subjects) expect(find(subject.kind, subject.name)).toBeDefined();
    }
    for (const service of objects.filter(o => o.kind === 'Service')) {
      const ports = workloads
        .flatMap(containersOf)
        .flatMap(c => (c.ports ?? []).map((p: Manifest) => p.name));
      for (const port of service.spec.ports) expect(ports).toContain(port.targetPort);
    }
  });

  it('runs programs that the image has', () => {
    for (const container of workloads.flatMap(containersOf))
      for (const word of container.command.filter((w: string) => w.startsWith('/opt/muslin/bin/')))
        expect(Object.keys(PROGRAMS)).toContain(/([^/]+)\.mjs$/.exec(word)?.[1]);
  });

  it('gives every container a read-only root and drops all capabilities but those listed', () => {
    const granted = workloads.flatMap(object =>
      containersOf(object).flatMap(({ name, securityContext }) => {
        expect(securityContext.readOnlyRootFilesystem, name).toBe(true);
        if (securityContext.privileged) return [`${nameOf(object)} ${name}: privileged`];
        expect(securityContext.capabilities.drop, name).toEqual(['ALL']);
        const added = securityContext.capabilities.add ?? [];
        return added.length === 0 ? [] : [`${nameOf(object)} ${name}: ${added.join(' ')}`];
      }),
    );
    expect(granted).toEqual([
      `DaemonSet muslin-node agent: ${'node.privileged' in changes ? 'privileged' : 'NET_ADMIN NET_RAW SYS_ADMIN'}`,
      'DaemonSet muslin-node speaker: NET_ADMIN NET_BIND_SERVICE NET_RAW SYS_NICE',
      'DaemonSet muslin-uninstall uninstall: NET_ADMIN NET_RAW',
    ]);
    for (const object of workloads)
      expect(podOf(object).spec.securityContext.seccompProfile).toEqual({ type: 'RuntimeDefault' });
  });

  it('renews one node at a time, agent and speaker apart, and keeps a controller', () => {
    const node = find('DaemonSet', 'muslin-node');
    const maxUnavailable = (changes as Readonly<Record<string, unknown>>)['node.maxUnavailable'] ?? 1;
    expect(node.spec.updateStrategy.rollingUpdate).toEqual({ maxUnavailable });
    expect(podOf(node).spec.terminationGracePeriodSeconds).toBeGreaterThan(0);
    expect(containersOf(node).map(c => c.name)).toEqual(expect.arrayContaining(['agent', 'speaker']));
    expect(find('PodDisruptionBudget', 'muslin-controller').spec.maxUnavailable).toBe(1);
    expect(podOf(find('Deployment', 'muslin-controller')).spec.securityContext.runAsNonRoot).toBe(true);
  });
});

it('the agent sees which modules the kernel has, and can change none of them', () => {
  const node = objectsOf({}).find(object => object.kind === 'DaemonSet');
  const agent = containersOf(node).find(({ name }) => name === 'agent');
  expect(agent.volumeMounts).toContainEqual({ name: 'modules', mountPath: '/lib/modules', readOnly: true });
});

it('probes ask programs about themselves alone', () => {
  const asked = objectsOf({})
    .flatMap(containersOf)
    .flatMap(c => ['startupProbe', 'livenessProbe', 'readinessProbe'].map(probe => c[probe]?.exec.command))
    .filter(command => command !== undefined)
    .map(command => command.join(' '));
  expect([...new Set(asked)]).toEqual([
    '/opt/muslin/bin/probe /run/muslin/agent.sock /healthz',
    '/opt/muslin/bin/probe /run/muslin/agent.sock /v1/status ready',
    '/opt/muslin/bin/probe /run/muslin/speaker.sock /healthz',
    '/opt/muslin/bin/probe /run/muslin/speaker.sock /v1/status ready',
    '/opt/muslin/bin/probe /run/muslin/controller.sock /healthz',
    '/opt/muslin/bin/probe /run/muslin/controller.sock /v1/status synced',
  ]);
});

it('kubectl finds accounts and roles before what runs with them, in the order in which it takes a folder', () => {
  const folder = `${DEPLOY}/manifests`;
  const kinds = readdirSync(folder)
    .toSorted()
    .flatMap(file => parseAllDocuments(readFileSync(`${folder}/${file}`, 'utf8')).map(d => d.get('kind')));
  const needed = ['ServiceAccount', 'ClusterRole', 'ClusterRoleBinding', 'Role', 'RoleBinding'];
  const last = Math.max(...needed.map(kind => kinds.lastIndexOf(kind)));
  const first = Math.min(...['DaemonSet', 'Deployment'].map(kind => kinds.indexOf(kind)));
  expect(kinds).toEqual(
    expect.arrayContaining(['ServiceAccount', 'ClusterRoleBinding', 'DaemonSet', 'Deployment']),
  );
  expect(last).toBeLessThan(first);
});
