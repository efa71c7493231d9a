import { fileVerb } from './file-verb.ts';

export const create = fileVerb('create', 'create the objects in files', [
  { flags: '--skip-exists', summary: 'leave what is there already' },
]);
