import * as tf from '@tensorflow/tfjs';

import { RecurrentCache } from '../index.js';
import { availableBackends } from '../testing/backends.js';
import { expectNoLeak } from '../testing/twin.js';

describe.each(availableBackends())('RecurrentCache on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));

  const stateOf = (cache: RecurrentCache) => cache.get('state')?.arraySync();
  const advance = (cache: RecurrentCache, count: number, value: number) =>
    tf.tidy(() => cache.advance(count, { state: tf.tensor1d([value, value]) }));

  it('has the newest state, and remembers those that were marked', () => {
    const cache = new RecurrentCache();
    expect([cache.length, stateOf(cache), cache.numBytes]).toEqual([0, undefined, 0]);
    advance(cache, 3, 1);
    cache.mark();
    expect(cache.numBytes).toBe(16);
    advance(cache, 1, 2);
    // The newest, the one before, and the mark.
    expect(cache.numBytes).toBe(24);
    const [marked, whole] = [cache.copy(3), cache.copy(4)];
    advance(cache, 1, 3);
    expect([marked, whole, cache].map((each) => [each.length, stateOf(each)])).toEqual([
      [3, [1, 1]],
      [4, [2, 2]],
      [5, [3, 3]],
    ]);
    // A copy goes on from its own state, and can be cut where the first could.
    advance(marked, 2, 7);
    expect(stateOf(marked.copy(3))).toEqual([1, 1]);
    expect(stateOf(cache)).toEqual([3, 3]);
  });

  it('goes back before its last tokens, and no further', () => {
    const cache = new RecurrentCache();
    advance(cache, 3, 1);
    advance(cache, 2, 2);
    cache.mark();
    cache.truncate(5);
    cache.truncate(3);
    expect([cache.length, stateOf(cache)]).toEqual([3, [1, 1]]);
    expect(() => cache.copy(5)).toThrow('length: expected one of 0, 3');
    expect(() => cache.truncate(1)).toThrow('truncate: length: expected 0 or 3, got 1');
    advance(cache, 1, 4);
    expect([cache.length, stateOf(cache)]).toEqual([4, [4, 4]]);
    cache.dispose();
  });

  it("says where it can be cut, for a state can't be anywhere else", () => {
    const cache = new RecurrentCache();
    advance(cache, 2, 1);
    cache.mark();
    advance(cache, 3, 2);
    expect(() => cache.copy(4)).toThrow("length: expected one of 0, 2, 5, for a state can't be cut, got 4");
    cache.clearMarks();
    expect(() => cache.copy(2)).toThrow('length: expected one of 0, 5');
    expect(cache.copy(0).length).toBe(0);
  });

  it('frees all that it holds', () =>
    expectNoLeak(() => {
      const cache = new RecurrentCache();
      advance(cache, 2, 1);
      cache.mark();
      advance(cache, 1, 2);
      const copy = cache.copy(3);
      cache.dispose();
      copy.dispose();
      expect(cache.length).toBe(0);
    }));
});
