import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { inventoryOf } from '@muslin/ipam';
import { Garbage, type GarbageOptions } from '../../packages/controller/src/garbage/garbage.ts';
import type { ClusterLook } from '../../packages/controller/src/garbage/read-cluster.ts';
import { usageText } from '../../packages/controller/src/garbage/tally.ts';
import { agentMetrics } from '../../packages/agent/src/metrics.ts';
import { metrics } from '../../packages/speaker/src/metrics.ts';

const FILE = fileURLToPath(new URL('../../deploy/grafana/muslin.json', import.meta.url));

/** A cluster without addresses: its metrics have their names all the same. */
const NOBODY = {
  objects: { inventory: inventoryOf([]), pools: [] },
  reservations: [],
} as unknown as ClusterLook;

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly description: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets: readonly { readonly expr: string }[];
}

const dashboard = JSON.parse(readFileSync(FILE, 'utf8'));
const panels: readonly Panel[] = dashboard.panels;

it('every series of the dashboard is one that agents, speakers or controllers tell', async () => {
  const nothing = { peers: [], falls: new Map(), routesLearned: 0, routesRefused: 0, problems: 0 };
  const controller = `${usageText(NOBODY)}${new Garbage({} as GarbageOptions).metrics()}`;
  const text = `${await agentMetrics().text()}${await metrics(() => nothing).text()}${controller}`;
  const types = new Map([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name, type]));
  const queries = [
    ...panels.flatMap(panel => panel.targets.map(t => t.expr)),
    dashboard.templating.list[1].query,
  ];
  const used = queries.flatMap(query => query.match(/\b(?:muslin|ipam)_\w+/g) ?? []);
  expect(used.length).toBeGreaterThan(panels.length);
  for (const name of used) {
    const family = name.replace(/_bucket$/, '');
    expect(types.has(family), name).toBe(true);
    expect(types.get(family) === 'histogram', name).toBe(name.endsWith('_bucket'));
  }
});

it('panels say what they show, and none covers another', () => {
  const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
    Array.from({ length: w * h }, (_, i) => `${x + (i % w)},${y + Math.floor(i / w)}`),
  );
  expect(cells).toHaveLength(new Set(cells).size);
  for (const panel of panels) expect(panel.description, panel.title).not.toBe('');
  expect(new Set(panels.map(panel => panel.id)).size).toBe(panels.length);
});
