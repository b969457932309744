import { connect, type Socket } from 'node:net';

import { encodeRequest, operations } from './frames.js';
import { StoreClient } from './StoreClient.js';
import { StoreServer, type StoreServerOptions } from './StoreServer.js';

const token = 'secret-of-the-test';
const nothing = new Uint8Array(0);
const open: { close: () => unknown }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

async function serve(options: Partial<StoreServerOptions> = {}): Promise<{ port: number; client: StoreClient }> {
  const server = await StoreServer.listen({ token, ...options });
  const client = await StoreClient.connect({ port: server.port, token, timeoutMs: 120_000 });
  open.push(server, client);
  await client.set('before', Buffer.from('kept'));
  return { port: server.port, client };
}

/** Sends bytes, and resolves with the answer when the server ends the connection or, for `linger`, never to be read. */
function send(
  port: number,
  chunks: (Uint8Array | string)[],
  { finish = false } = {},
): { socket: Socket; answer: Promise<string> } {
  const socket = connect(port, '127.0.0.1');
  open.push({ close: () => socket.destroy() });
  let answer = '';
  socket.on('error', () => undefined);
  socket.on('data', (chunk) => (answer += chunk.toString('latin1')));
  for (const chunk of chunks) socket.write(chunk);
  if (finish) socket.end();
  return { socket, answer: new Promise((resolve) => socket.on('close', () => resolve(answer))) };
}

/** mulberry32: the same bytes in every run. */
function seeded(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

async function works(client: StoreClient, port: number): Promise<void> {
  expect(Buffer.from(await client.get('before')).toString()).toBe('kept');
  const fresh = await StoreClient.connect({ port, token, timeoutMs: 120_000 });
  await fresh.set('after', Buffer.from('x'));
  await client.get('after');
  await client.delete('after');
  fresh.close();
}

const hello = `scmoe-store 1 ${token}\n`;
const frame = (operation: number, id: number, key: string, payload: Uint8Array) =>
  Buffer.concat(encodeRequest(operation, id, key, payload));

describe('strangers', () => {
  it.each([
    ['a web browser', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n', /^error this is a rendezvous store of scmoe\n$/],
    ['a later version', 'scmoe-store 2 x\n', /^error expected version 1/],
    ['a wrong token', 'scmoe-store 1 guess\n', /^error wrong token\n$/],
    ['no token', 'scmoe-store 1\n', /^error wrong token\n$/],
    ['a wrong token for a group', 'scmoe-watch 1 guess world 0 2\n', /^error wrong token\n$/],
    ['a beginning of the token', `scmoe-store 1 ${token.slice(0, -1)}\n`, /^error wrong token\n$/],
    ['more words', `scmoe-store 1 ${token} more\n`, /^error expected scmoe-store 1 <token>\n$/],
    ['a line without an end', 'x'.repeat(100_000), /^(error the first line is too long\n)?$/],
    ['a long line', `${'x'.repeat(2000)}\n`, /^error the first line is too long\n$/],
  ])('%s are turned away', async (_, text, answer) => {
    const { port, client } = await serve();
    expect(await send(port, [text]).answer).toMatch(answer);
    await works(client, port);
  });

  it('that say nothing, or only slowly, are dropped in time', async () => {
    const { port, client } = await serve({ handshakeMs: 1000 });
    const silent = send(port, []);
    const slow = send(port, []);
    const timer = setInterval(() => slow.socket.write('s'), 20);
    expect(await silent.answer).toBe('error no token in time\n');
    expect(await slow.answer).toMatch(/^(error no token in time\n)?$/);
    clearInterval(timer);
    await works(client, port);
  });

  it('that hold many connections open do not keep ranks out', async () => {
    const { port, client } = await serve({ maxPendingConnections: 8 });
    const held = Array.from({ length: 50 }, () => send(port, ['scmoe-']));
    await Promise.all(held.slice(0, 20).map(({ answer }) => answer));
    await works(client, port);
  });
});

describe('ranks that hold the token', () => {
  it.each<[string, Buffer]>([
    ['a huge length', Buffer.from([255, 255, 255, 255, 1, 2, 3])],
    ['a length below the least', Buffer.from([3, 0, 0, 0, 1, 2, 3])],
    ['a length of nothing', Buffer.from([0, 0, 0, 0])],
    ['a key longer than its frame', Buffer.from([8, 0, 0, 0, 1, 1, 0, 0, 0, 255, 255, 65])],
    ['an unknown operation', frame(99, 1, 'key', nothing)],
    ['a key that is no text', Buffer.from([8, 0, 0, 0, 1, 1, 0, 0, 0, 1, 0, 0xff])],
    [
      'the same id twice',
      Buffer.concat([frame(operations.get, 1, 'a', nothing), frame(operations.get, 1, 'b', nothing)]),
    ],
  ])('and send %s lose their connection', async (_, bytes) => {
    const { port, client } = await serve();
    expect(await send(port, [hello, bytes]).answer).toMatch(/^ok \d+\n/);
    await works(client, port);
  });

  it('and stop in the middle of a frame are forgotten', async () => {
    const { port, client } = await serve();
    const whole = frame(operations.set, 1, 'half', Buffer.alloc(1000));
    for (const length of [1, 3, 4, 8, 12, 500, whole.length - 1]) {
      expect(await send(port, [hello, whole.subarray(0, length)], { finish: true }).answer).toMatch(/^ok \d+\n$/);
    }
    await expect(client.get('half', { timeoutMs: 30 })).rejects.toThrow(/did not appear/);
    await works(client, port);
  });

  it('and send a byte at a time are served', async () => {
    const { port, client } = await serve();
    const { socket } = send(port, [hello]);
    for (const byte of frame(operations.set, 1, 'slow', Buffer.from('value'))) {
      socket.write(Uint8Array.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(Buffer.from(await client.get('slow')).toString()).toBe('value');
  });

  it('and ask faster than they read are held back, not kept in memory', async () => {
    const { port, client } = await serve();
    await client.set('large', Buffer.alloc(1_000_000));
    const { socket } = send(port, [hello]);
    socket.pause();
    const requests = Array.from({ length: 2000 }, (_, i) => frame(operations.get, i + 1, 'large', nothing));
    socket.write(Buffer.concat(requests));
    await works(client, port);
    // 2 GB once it reads: every answer comes.
    let bytes = 0;
    socket.removeAllListeners('data');
    socket.on('data', (chunk: Buffer) => (bytes += chunk.length));
    socket.resume();
    while (bytes < 300 * 1_000_009) await new Promise((resolve) => setTimeout(resolve, 10));
    await works(client, port);
  });

  it('get an error beyond each limit, and the store goes on', async () => {
    const { client, port } = await serve({ maxKeys: 5, maxValueBytes: 1000, maxTotalBytes: 2500 });
    await expect(client.set('k', Buffer.alloc(1001))).rejects.toThrow(/expected at most 1000 bytes, got 1001/);
    await expect(client.set('x'.repeat(2000), nothing)).rejects.toThrow(/a key of 2000 bytes: expected 1 to 1024/);
    await expect(client.set('', nothing)).rejects.toThrow(/key: expected 1 to 65535 bytes, got 0/);
    await client.set('a', Buffer.alloc(1000));
    await client.set('b', Buffer.alloc(1000));
    await expect(client.set('c', Buffer.alloc(1000))).rejects.toThrow(/more than 2500 bytes in all/);
    for (let i = 0; i < 50; i++) await client.set('a', Buffer.alloc(1000));
    await client.delete('b');
    await client.set('c', Buffer.alloc(1000));
    await client.set('d', nothing);
    await client.set('e', nothing);
    await expect(client.set('f', nothing)).rejects.toThrow(/a key more than 5/);
    await expect(client.add('a', 1)).rejects.toThrow(/add to key 'a': expected whole numbers/);
    await expect(client.add('n', 0.5)).rejects.toThrow(/expected a whole number, got 0.5/);
    await client.delete('e');
    await works(client, port);
  });

  it('are turned away beyond the number of connections', async () => {
    const { port, client } = await serve({ maxConnections: 3 });
    const connect = () => StoreClient.connect({ port, token, timeoutMs: 120_000 });
    const others = [await connect(), await connect()];
    await expect(connect()).rejects.toThrow(/refused: more than 3 connections/);
    others.forEach((other) => other.close());
    expect(Buffer.from(await client.get('before')).toString()).toBe('kept');
  });
});

describe('random bytes', () => {
  it.each([1, 2, 3, 4])('of any kind, in any pieces, do no harm (seed %i)', async (seed) => {
    const { port, client } = await serve({ handshakeMs: 3000 });
    const random = seeded(seed);
    const noise = (length: number) => Buffer.from(Array.from({ length }, () => random(256)));
    const starts = [
      nothing,
      Buffer.from(hello),
      Buffer.from(`scmoe-watch 1 ${token} group${seed} 0 2\n`),
      Buffer.from('scmoe-store 1 '),
      frame(operations.set, 1, 'before', Buffer.from('lost')),
    ];
    const waiting: Promise<string>[] = [];
    for (let round = 0; round < 100; round++) {
      const bytes = [starts[random(starts.length)]!];
      for (let piece = random(6); piece > 0; piece--) {
        const valid = frame(1 + random(5), random(9), `key${random(5)}`, noise(random(50)));
        valid[random(valid.length)]! ^= random(3) === 0 ? 1 << random(8) : 0;
        bytes.push(random(2) === 0 ? valid : noise(random(300)));
      }
      const { socket, answer } = send(port, [], { finish: false });
      for (const part of bytes) {
        socket.write(part);
        if (random(3) === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      if (random(2) === 0) socket.end();
      else socket.destroy();
      waiting.push(answer);
      if (round % 25 === 0) await works(client, port);
    }
    await Promise.all(waiting);
    await works(client, port);
  });
});
