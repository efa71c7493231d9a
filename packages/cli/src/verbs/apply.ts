import { fileVerb } from './file-verb.ts';

export const apply = fileVerb('apply', 'create or update the objects in files (server-side apply)');
