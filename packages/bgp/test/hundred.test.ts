import { describe, expect, test } from 'vitest';
import { runMesh, runReflectors } from './hundred.ts';

describe('a hundred speakers on links that delay and break', () => {
  test('in a full mesh know exactly the ways of the neighbours that they can reach', () => {
    const { broken, compared, differences } = runMesh(1);
    expect(differences).toEqual([]);
    expect(broken).toBeGreaterThan(5);
    expect(compared).toBe(100 * 104);
  });

  test('behind two route reflectors agree on the best way of all that the reflectors see', () => {
    const { broken, compared, differences } = runReflectors(2);
    expect(differences).toEqual([]);
    expect(broken).toBeGreaterThan(5);
    expect(compared).toBe(400);
  });
});
