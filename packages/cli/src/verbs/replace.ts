import { fileVerb } from './file-verb.ts';

export const replace = fileVerb('replace', 'replace objects by those in files');
