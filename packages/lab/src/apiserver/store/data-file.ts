import { DatabaseSync } from 'node:sqlite';
import { formatJson, parseJson } from '@muslin/net';
import type { KubeObject } from '../kube-object.ts';
import type { Journal, Saved } from './store.ts';

/** A store's state in one SQLite file. Every write is one transaction, so a kill loses nothing that was answered. */
export interface DataFile {
  readonly journal: Journal;
  readonly saved: Saved;
  close(): void;
}

/** Opens or makes the file, for one server at a time. Throws what SQLite throws when that can't be done. */
export function openDataFile(path: string): DataFile {
  const db = new DatabaseSync(path);
  db.exec(`
    PRAGMA locking_mode = EXCLUSIVE;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    CREATE TABLE IF NOT EXISTS object (storage TEXT, key TEXT, json TEXT NOT NULL, PRIMARY KEY (storage, key)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS revision (only INTEGER PRIMARY KEY CHECK (only = 1), value INTEGER NOT NULL);
    INSERT OR IGNORE INTO revision VALUES (1, 1);
  `);
  const begin = db.prepare('BEGIN IMMEDIATE');
  const commit = db.prepare('COMMIT');
  const rollback = db.prepare('ROLLBACK');
  const put = db.prepare('INSERT OR REPLACE INTO object VALUES (?, ?, ?)');
  const remove = db.prepare('DELETE FROM object WHERE storage = ? AND key = ?');
  const stamp = db.prepare('UPDATE revision SET value = ?');
  const rows = db.prepare('SELECT storage, key, json FROM object').all();
  const revision = db.prepare('SELECT value FROM revision').get();
  const transact = (step: () => void) => {
    begin.run();
    try {
      step();
      commit.run();
    } catch (cause) {
      rollback.run();
      throw cause;
    }
  };
  return {
    journal: {
      put: (storage, key, object, at) =>
        transact(() => {
          put.run(storage, key, formatJson(object));
          stamp.run(at);
        }),
      remove: (storage, key, at) =>
        transact(() => {
          remove.run(storage, key);
          stamp.run(at);
        }),
    },
    saved: {
      revision: Number(revision?.['value'] ?? 1),
      objects: rows.map(row => ({
        storage: String(row['storage']),
        key: String(row['key']),
        object: parseJson(String(row['json'])) as KubeObject,
      })),
    },
    close: () => db.close(),
  };
}
