import type { Scene } from './question.ts';
import { schemaScene } from './scenes/animals.ts';
import { applyScene } from './scenes/apply.ts';
import { calicoObjectsScene } from './scenes/calico-objects.ts';
import { calicoUpdatesScene } from './scenes/calico-updates.ts';
import { definitionFaultScene } from './scenes/definition-faults.ts';
import { deleteScene } from './scenes/deletes.ts';
import { fieldScenes } from './scenes/fields.ts';
import { listScene } from './scenes/lists.ts';
import { metadataScene } from './scenes/metadata.ts';
import { patchScene } from './scenes/patches.ts';
import { requestScene } from './scenes/requests.ts';
import { updateScene } from './scenes/updates.ts';

/** All that is asked. */
export const SCENES: readonly Scene[] = [
  schemaScene(),
  metadataScene(),
  requestScene(),
  updateScene(),
  patchScene(),
  applyScene(),
  listScene(),
  deleteScene(),
  definitionFaultScene(),
  calicoObjectsScene(),
  calicoUpdatesScene(),
  ...fieldScenes(),
];
