import { connect, type Socket } from 'node:net';

import { until } from '../testing/launches.js';
import { StoreServer, type StoreServerOptions } from './StoreServer.js';
import { WatchClient, type Notice } from './WatchClient.js';

const token = 'secret-of-the-test';
const open: { close: () => unknown }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

async function serve(options: Partial<StoreServerOptions> = {}): Promise<StoreServer> {
  const server = await StoreServer.listen({ token, ...options });
  open.push(server);
  return server;
}

/** A client as the native one is: lines on a socket. */
class Raw {
  readonly lines: string[] = [];
  readonly socket: Socket;
  ended = false;
  #rest = '';

  constructor(port: number, firstLine: string) {
    this.socket = connect(port, '127.0.0.1');
    open.push({ close: () => this.socket.destroy() });
    this.socket.write(`${firstLine}\n`);
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => (this.ended = true));
    this.socket.on('data', (chunk) => {
      const parts = (this.#rest + chunk.toString()).split('\n');
      this.#rest = parts.pop()!;
      this.lines.push(...parts.filter((line) => line !== 'ping'));
    });
  }

  say(line: string): void {
    this.socket.write(`${line}\n`);
  }

  async sees(line: string): Promise<void> {
    await until(() => this.lines.includes(line) || this.ended);
    expect(this.lines).toContain(line);
  }
}

/** Joins a rank as the native client does. */
async function join(port: number, rank: number, { group = 'world', size = 3 } = {}): Promise<Raw> {
  const raw = new Raw(port, `scmoe-watch 1 ${token} ${group} ${rank} ${size}`);
  await raw.sees('ok');
  return raw;
}

describe('a group', () => {
  it('hears of a rank whose connection ends without bye; other groups do not', async () => {
    const { port } = await serve();
    const [a, b, c] = [await join(port, 0), await join(port, 1), await join(port, 2)];
    const elsewhere = await join(port, 0, { group: 'other' });
    b.socket.destroy();
    await a.sees('dead 1 its connection ended');
    await c.sees('dead 1 its connection ended');
    a.say('abort all is lost');
    await c.sees('abort 0 all is lost');
    expect(a.lines).toEqual(['ok', 'dead 1 its connection ended']);
    expect(elsewhere.lines).toEqual(['ok']);
  });

  it('does not hear of a rank that says bye', async () => {
    const { port } = await serve();
    const [a, b, c] = [await join(port, 0), await join(port, 1), await join(port, 2)];
    b.say('bye');
    await until(() => b.ended);
    c.socket.destroy();
    await a.sees('dead 2 its connection ended');
    expect(a.lines).toEqual(['ok', 'dead 2 its connection ended']);
  });

  it('tells a latecomer at once who died and who gave up', async () => {
    const { port } = await serve();
    const [a, b] = [await join(port, 0), await join(port, 1)];
    a.say('abort wrong sizes');
    await b.sees('abort 0 wrong sizes');
    a.socket.destroy();
    await b.sees('dead 0 its connection ended');
    const late = await join(port, 2);
    await late.sees('dead 0 its connection ended');
    expect(late.lines).toEqual(['ok', 'abort 0 wrong sizes', 'dead 0 its connection ended']);
  });

  it('blames the rank that was the first to go, not one that gave up because of it, and no other group', async () => {
    const server = await serve();
    const elsewhere = await join(server.port, 2, { group: 'world/0.1/0.1' });
    elsewhere.socket.destroy();
    const [a, b] = [
      await join(server.port, 0, { group: 'world/0.1' }),
      await join(server.port, 1, { group: 'world/0.1' }),
    ];
    expect(server.firstCause(token)).toBeUndefined();
    a.say('abort SCMOE_COMM_LEFT 1 rank 1 left');
    await b.sees('abort 0 SCMOE_COMM_LEFT 1 rank 1 left');
    expect(server.firstCause(token)).toBe(1);
    a.socket.destroy();
    await b.sees('dead 0 its connection ended');
    expect(server.firstCause(token)).toBe(1);
    expect(server.firstCause('another token')).toBeUndefined();
  });

  it('blames a rank that gave up for reasons of its own', async () => {
    const server = await serve();
    const [a, b] = [
      await join(server.port, 0, { group: 'world/2.1' }),
      await join(server.port, 1, { group: 'world/2.1' }),
    ];
    b.say('abort SCMOE_COMM_ABORTED - its process ends with exit code 3');
    await a.sees('abort 1 SCMOE_COMM_ABORTED - its process ends with exit code 3');
    expect(server.firstCause(token)).toBe(1);
  });

  it('tells it even where nobody is left', async () => {
    const { port } = await serve();
    const a = await join(port, 0);
    const witness = await join(port, 1);
    a.socket.destroy();
    await witness.sees('dead 0 its connection ended');
    witness.say('bye');
    await until(() => witness.ended);
    const late = await join(port, 2);
    await late.sees('dead 0 its connection ended');
  });

  it('refuses a rank twice, another size, a rank that was here', async () => {
    const { port } = await serve();
    const [, b] = [await join(port, 0), await join(port, 1)];
    const again = new Raw(port, `scmoe-watch 1 ${token} world 1 3`);
    await again.sees('error rank 1 of group world is already connected');
    await until(() => again.ended);
    const other = new Raw(port, `scmoe-watch 1 ${token} world 2 4`);
    await other.sees('error group world has 3 ranks, rank 2 says 4');
    b.say('bye');
    await until(() => b.ended);
    const back = new Raw(port, `scmoe-watch 1 ${token} world 1 3`);
    await back.sees('error left: rank 1 of group world has been here and left or died');
  });

  it('is free again when all have left', async () => {
    const { port } = await serve();
    for (const size of [2, 3]) {
      const all = await Promise.all(Array.from({ length: size }, (_, rank) => join(port, rank, { size })));
      if (size === 2) all[0]!.socket.destroy();
      await until(() => size === 3 || all[1]!.lines.length === 2);
      all.forEach((one) => one.say('bye'));
      await until(() => all.every(({ ended }) => ended));
    }
  });

  it('calls a silent rank dead, and not one that pings', async () => {
    const { port } = await serve({ silenceMs: 400 });
    const [pings] = [await join(port, 0), await join(port, 1)];
    const timer = setInterval(() => pings.say('ping'), 50);
    await pings.sees('dead 1 no sign of life for 400 ms');
    clearInterval(timer);
    expect(pings.ended).toBe(false);
  });

  it.each([
    ['a line that is not understood', 'hello', /^dead 1 it sent a line that is not understood: hello$/],
    ['a line without an end', 'x'.repeat(5000), /^dead 1 it sent a line that is too long$/],
    ['more than it can have to say', 'abort x\n'.repeat(100), /^dead 1 it sent a line that is not understood/],
  ])('calls a rank dead that sends %s', async (_, text, message) => {
    const { port } = await serve();
    const [a, b] = [await join(port, 0), await join(port, 1)];
    b.say(text);
    await until(() => a.lines.some((line) => message.test(line)));
    await until(() => b.ended);
    expect(a.ended).toBe(false);
  });

  it('drops control characters and the end of a text that is too long', async () => {
    const { port } = await serve();
    const [a, b] = [await join(port, 0), await join(port, 1)];
    b.say(`abort \u0007bad\u001b[31m ${'x'.repeat(3000)}`);
    await until(() => a.lines.length === 2);
    expect(a.lines[1]).toMatch(/^abort 1 bad \[31m x+$/);
    expect(a.lines[1]!.length).toBeLessThan(1100);
  });

  it.each([
    `scmoe-watch 1 ${token} world 3 3`,
    `scmoe-watch 1 ${token} world -1 3`,
    `scmoe-watch 1 ${token} world 0`,
    `scmoe-watch 1 ${token} world zero 3`,
    `scmoe-watch 1 ${token}  0 3`,
    `scmoe-watch 1 ${token} world 0 3 more`,
  ])('refuses %j', async (line) => {
    const { port } = await serve();
    const raw = new Raw(port, line);
    await raw.sees('error expected scmoe-watch 1 <token> <group> <rank> <size> with 0 <= rank < size');
    await until(() => raw.ended);
  });
});

describe('WatchClient', () => {
  async function watch(
    port: number,
    rank: number,
    silenceMs?: number,
  ): Promise<{ client: WatchClient; notices: Notice[] }> {
    const notices: Notice[] = [];
    const client = await WatchClient.join({
      host: '127.0.0.1',
      port,
      token,
      group: 'world',
      rank,
      size: 3,
      timeoutMs: 120_000,
      ...(silenceMs === undefined ? {} : { silenceMs }),
      onNotice: (notice) => notices.push(notice),
    });
    open.push({ close: () => client.leave() });
    return { client, notices };
  }

  it('hears of deaths and aborts, and of nothing once it has left', async () => {
    const { port } = await serve();
    const [a, b, c] = [await watch(port, 0), await watch(port, 1), await join(port, 2)];
    a.client.abort('two\nlines');
    await c.sees('abort 0 two lines');
    await until(() => b.notices.length === 1);
    c.socket.destroy();
    await until(() => a.notices.length === 1);
    expect(a.notices).toEqual([{ kind: 'dead', rank: 2, text: 'its connection ended' }]);
    await until(() => b.notices.length === 2);
    b.client.leave();
    a.client.abort('again');
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(b.notices).toHaveLength(2);
    expect(a.notices).toHaveLength(1);
  });

  it('stays alive by pinging, and says when the store is gone', async () => {
    const server = await serve({ silenceMs: 400 });
    const { notices } = await watch(server.port, 0, 400);
    // One that joins later and is silent is dead first.
    await join(server.port, 1);
    await until(() => notices.length === 1);
    expect(notices).toEqual([{ kind: 'dead', rank: 1, text: 'no sign of life for 400 ms' }]);
    await server.close();
    await until(() => notices.length === 2);
    expect(notices[1]).toMatchObject({ kind: 'lost', rank: undefined });
  });
});
