import { controller } from './objects/controller.ts';
import { monitoring } from './objects/monitoring.ts';
import { node } from './objects/node.ts';
import { pool } from './objects/pool.ts';
import { rbac } from './objects/rbac.ts';
import { uninstall } from './objects/uninstall.ts';
import { type Context, evaluatePieces } from './source/evaluate.ts';
import { NOTES } from './source/notes.ts';
import { printPieces, printTree } from './source/print.ts';
import { defaults } from './source/settings.ts';
import type { Piece } from './source/tree.ts';
import { valuesFile, valuesSchema } from './source/values-file.ts';

/**
 * Files of the installation and what stands in each, in the order in which they are applied: `kubectl apply -f` takes the files
 * of a folder by their names, so manifests are numbered.
 */
export const PARTS: Readonly<Record<string, readonly Piece[]>> = {
  'rbac.yaml': rbac,
  'node.yaml': node,
  'controller.yaml': controller,
  'monitoring.yaml': monitoring,
  'pool.yaml': pool,
};

export const DEFAULT_CONTEXT: Context = { values: defaults(), namespace: 'kube-system' };
const VERSION = '0.1.0';
const ORIGIN = '# Written by deploy/generate.ts from deploy/objects; change it there.\n';

/** Every generated file: path below deploy/ → text. */
export function generatedFiles(): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (const [i, [name, pieces]] of Object.entries(PARTS).entries()) {
    const manifest = printManifest(pieces, DEFAULT_CONTEXT);
    if (manifest !== undefined) files.set(`manifests/${i + 1}-${name}`, manifest);
    files.set(`chart/templates/${name}`, `${ORIGIN}${printPieces(pieces)}`);
  }
  files.set('uninstall.yaml', printManifest(uninstall, DEFAULT_CONTEXT) ?? '');
  files.set('chart/Chart.yaml', CHART);
  files.set('chart/templates/NOTES.txt', NOTES);
  files.set('chart/values.yaml', valuesFile());
  files.set('chart/values.schema.json', valuesSchema());
  return files;
}

/** Plain objects as one YAML file; undefined when these values ask for none of them. */
function printManifest(pieces: readonly Piece[], context: Context): string | undefined {
  const texts = pieces.flatMap(piece => {
    const [object] = evaluatePieces([piece], context);
    if (object === undefined) return [];
    const about = piece.about.split('\n').map(line => `# ${line}\n`);
    return [`---\n${about.join('')}${printTree(object).join('\n')}\n`];
  });
  return texts.length === 0 ? undefined : `${ORIGIN}${texts.join('')}`;
}

const CHART = `apiVersion: v2
name: muslin
description: Pod addresses, BGP routes and network policy for Kubernetes
type: application
version: ${VERSION}
appVersion: "${VERSION}"
# Rules over prefixes in definitions (CEL cidr()) are reckoned with since 1.32; selectable fields are there since 1.31.
kubeVersion: ">=1.32.0-0"
`;
