import { findPlace, init as initOnNode } from '../index.js';
import * as browser from '../index.browser.js';

describe('init in a browser', () => {
  it('gives a world of one rank, whose collectives work', async () => {
    const world = await browser.init();
    expect([world.engine, world.rank, world.size]).toEqual(['self', 0, 1]);
    expect(Array.from(await world.allReduce(Float32Array.of(1, 2)).done)).toEqual([1, 2]);
    await world.close();
  });

  it('refuses what takes a network', async () => {
    const place = { ...findPlace({}), worldSize: 2 };
    for (const options of [{ engine: 'gloo' as const }, { place }]) {
      await expect(browser.init(options)).rejects.toThrow(/in a browser there is engine 'self' with one rank, got/);
    }
    await expect(browser.init({ timeoutMs: -1 })).rejects.toThrow(/timeoutMs: expected more than 0/);
  });

  it('comes with what Node has, but for the rendezvous and the engines', async () => {
    expect(initOnNode).not.toBe(browser.init);
    const node = Object.keys(await import('../index.js'));
    const missing = node.filter((name) => !(name in browser));
    expect(missing.sort()).toEqual(
      ['PlaceError', 'RendezvousError', 'StoreClient', 'StoreServer', 'findGloo', 'findNccl', 'findPlace'].sort(),
    );
  });
});
