import { createHash } from 'node:crypto';

import { readDefaultData } from './defaultData.js';

describe('the default data', () => {
  it('are declaration files from node_modules: each content once, in an order of their own, within the limit', async () => {
    const { documents, numBytes, folder } = await readDefaultData();
    expect(folder).toMatch(/node_modules$/);
    expect(documents.length).toBeGreaterThan(100);
    expect(numBytes).toBeLessThanOrEqual(20e6);
    expect(documents.map(({ name }) => name)).toContain('typescript/lib/lib.es5.d.ts');
    const hashes = documents.map(({ bytes }) => createHash('sha256').update(bytes).digest('hex'));
    expect(hashes).toEqual([...new Set(hashes)].sort());
  });
});
