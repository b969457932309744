import { RendezvousError } from './RendezvousError.js';
import { StoreClient } from './StoreClient.js';
import { StoreServer, type StoreServerOptions } from './StoreServer.js';

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

async function connect(port: number, options: { token?: string; timeoutMs?: number } = {}): Promise<StoreClient> {
  const client = await StoreClient.connect({ port, token, timeoutMs: 120_000, ...options });
  open.push(client);
  return client;
}

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (value: Uint8Array) => new TextDecoder().decode(value);

describe('the store', () => {
  it('gives one client what another has set, and what it sets later', async () => {
    const { port } = await serve();
    const [a, b] = [await connect(port), await connect(port)];
    await a.set('early', bytes('1'));
    expect(text(await b.get('early'))).toBe('1');
    const late = [b.get('late'), a.get('late'), b.get('late')];
    await a.set('late', bytes('2'));
    expect((await Promise.all(late)).map(text)).toEqual(['2', '2', '2']);
    await a.set('late', bytes('3'));
    expect(text(await b.get('late'))).toBe('3');
  });

  it('keeps bytes as they are: empty, binary, a value as large as allowed', async () => {
    const { port } = await serve({ maxValueBytes: 300_000 });
    const client = await connect(port);
    const large = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 7) % 256);
    for (const value of [new Uint8Array(0), Uint8Array.of(0, 10, 255), large]) {
      await client.set('key é 日本', value);
      expect(Buffer.compare(await client.get('key é 日本'), value)).toBe(0);
    }
  });

  it('adds for many clients at once without losing one', async () => {
    const { port } = await serve();
    const clients = await Promise.all(Array.from({ length: 8 }, () => connect(port)));
    const sums = await Promise.all(clients.flatMap((client) => Array.from({ length: 25 }, () => client.add('n', 2))));
    expect([...sums].sort((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, i) => 2 * (i + 1)));
    expect(await clients[0]!.add('n', -400)).toBe(0);
    expect(text(await clients[1]!.get('n'))).toBe('0');
  });

  it('deletes, and says whether there was something', async () => {
    const { port } = await serve();
    const client = await connect(port);
    await client.set('key', bytes('x'));
    expect(await client.delete('key')).toBe(true);
    expect(await client.delete('key')).toBe(false);
    await expect(client.get('key', { timeoutMs: 50 })).rejects.toThrow(/Key 'key' did not appear/);
  });

  it('says which key did not appear, where, and after how long; the connection goes on', async () => {
    const { port } = await serve();
    const client = await connect(port);
    const error = await client.get('rank/3', { timeoutMs: 120 }).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(RendezvousError);
    expect(error).toMatchObject({
      failure: 'timeout',
      message: `Key 'rank/3' did not appear in the rendezvous store at 127.0.0.1:${port} within 120 ms.`,
    });
    await client.set('rank/3', bytes('late'));
    expect(text(await client.get('rank/3'))).toBe('late');
  });

  it('keeps what belongs to one token from the others, and forgets it when the room closes', async () => {
    const server = await serve();
    server.openRoom('second');
    const [first, second] = [await connect(server.port), await connect(server.port, { token: 'second' })];
    await first.set('key', bytes('first'));
    await expect(second.get('key', { timeoutMs: 50 })).rejects.toThrow(/did not appear/);
    const waiting = second.get('key');
    server.closeRoom('second');
    await expect(waiting).rejects.toMatchObject({ failure: 'closed' });
    await expect(connect(server.port, { token: 'second' })).rejects.toThrow(/wrong token/);
    expect(text(await first.get('key'))).toBe('first');
  });
});

describe('connecting', () => {
  it('waits for a server that starts later', async () => {
    const probe = await StoreServer.listen({ token });
    await probe.close();
    const connecting = connect(probe.port);
    await new Promise((resolve) => setTimeout(resolve, 200));
    await serve({ port: probe.port });
    await (await connecting).set('key', bytes('x'));
  });

  it('says where there is no server, after how long', async () => {
    const probe = await StoreServer.listen({ token });
    await probe.close();
    await expect(connect(probe.port, { timeoutMs: 1000 })).rejects.toThrow(
      new RegExp(`No rendezvous store at 127.0.0.1:${probe.port} within 1 s \\(last attempt: ECONNREFUSED\\)`),
    );
  });

  it('refuses a wrong token at once', async () => {
    const { port } = await serve();
    const error = await connect(port, { token: 'other', timeoutMs: 120_000 }).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ failure: 'refused', message: expect.stringContaining('wrong token') as string });
  });

  it.each(['', 'two words', 'line\nend', 'ü'.repeat(3), 'x'.repeat(257)])('takes no token %j', async (bad) => {
    await expect(StoreServer.listen({ token: bad })).rejects.toThrow(/token: expected 1 to 256 visible ASCII/);
    await expect(connect(1, { token: bad })).rejects.toThrow(/token: expected 1 to 256 visible ASCII/);
  });

  it('names a port that is in use', async () => {
    const { port } = await serve();
    await expect(serve({ port })).rejects.toMatchObject({
      failure: 'address',
      message: expect.stringContaining(`port ${port} is in use by another process`) as string,
    });
  });

  it('rejects what waits when the server goes, and every call after', async () => {
    const server = await serve();
    const client = await connect(server.port);
    const waiting = client.get('never');
    await client.set('other', bytes('x'));
    await server.close();
    await expect(waiting).rejects.toMatchObject({ failure: 'closed' });
    await expect(client.set('key', bytes('x'))).rejects.toMatchObject({ failure: 'closed' });
  });

  it('rejects calls after close', async () => {
    const { port } = await serve();
    const client = await connect(port);
    client.close();
    await expect(client.get('key')).rejects.toThrow(/has been closed/);
  });
});
