import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';

import { fromSource } from '@scmoe/testing';
import { serveStore } from './serveStore.js';

const token = 'secret-of-the-test';
const source = {
  file: join(import.meta.dirname, 'storeWorker.ts'),
  execArgv: fromSource,
};

describe('a store on a thread of its own', () => {
  it('answers others while the thread that started it is blocked', async () => {
    const store = await serveStore({ token }, source);
    const flag = new Int32Array(new SharedArrayBuffer(4));
    const ask = `
      const { workerData: { port, flag } } = require('node:worker_threads');
      const socket = require('node:net').connect(port, '127.0.0.1', () => socket.write('scmoe-store 1 ${token}\\n'));
      socket.once('data', (answer) => {
        Atomics.store(flag, 0, answer.toString().startsWith('ok ') ? 1 : 2);
        Atomics.notify(flag, 0);
        socket.destroy();
      });`;
    const other = new Worker(ask, { eval: true, workerData: { port: store.port, flag } });
    const ended = once(other, 'exit');
    expect(Atomics.wait(flag, 0, 0, 120_000)).not.toBe('timed-out');
    expect(flag[0]).toBe(1);
    await ended;
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
