import { join } from 'node:path';

import { serveStore } from './serveStore.js';
import { StoreClient } from './StoreClient.js';
import { startScmoe } from '../testing/scmoe.js';

const token = 'secret-of-the-test';
const source = {
  file: join(import.meta.dirname, 'storeWorker.ts'),
  execArgv: ['-C', '@scmoe/source', '--import', join(import.meta.dirname, '..', 'testing', 'runSource.mjs')],
};

describe('a store on a thread of its own', () => {
  it('answers others while the thread that started it is blocked', async () => {
    const store = await serveStore({ token }, source);
    // Another process, which says no more than whether it was let in.
    const other = startScmoe(['--version']);
    const client = await StoreClient.connect({ port: store.port, token });
    await client.set('key', Uint8Array.of(7));
    const answer = new Int32Array(new SharedArrayBuffer(4));
    expect(Atomics.wait(answer, 0, 0, 50)).toBe('timed-out');
    expect(Array.from(await client.get('key'))).toEqual([7]);
    client.close();
    await other.done;
    await store.close();
  });

  it('says why it can not listen', async () => {
    const store = await serveStore({ token }, source);
    await expect(serveStore({ token, port: store.port }, source)).rejects.toMatchObject({ failure: 'address' });
    await store.close();
  });

  it('lets go of its port', async () => {
    const first = await serveStore({ token }, source);
    await first.close();
    const second = await serveStore({ token, port: first.port }, source);
    await second.close();
  });
});
