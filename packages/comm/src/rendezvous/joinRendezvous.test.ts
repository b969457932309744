import { findPlace } from '../place/findPlace.js';
import type { Place } from '../place/Place.js';
import { joinRendezvous } from './joinRendezvous.js';
import { StoreServer } from './StoreServer.js';

async function freePort(): Promise<number> {
  const server = await StoreServer.listen({ token: 'x' });
  await server.close();
  return server.port;
}

function placeOf(rank: number, masterPort: number, address = '127.0.0.1'): Place {
  const env = { RANK: rank, WORLD_SIZE: 3, LOCAL_RANK: rank, LOCAL_WORLD_SIZE: 3, MASTER_PORT: masterPort };
  const texts = Object.fromEntries(Object.entries(env).map(([name, value]) => [name, String(value)]));
  return findPlace({ ...texts, MASTER_ADDR: address, SCMOE_TOKEN: 'secret' });
}

describe('joinRendezvous', () => {
  it('lets rank 0 serve the store beside MASTER_PORT, and keep it until the others have left', async () => {
    const port = (await freePort()) - 1;
    const joining = [2, 1, 0].map((rank) => joinRendezvous(placeOf(rank, port)));
    const [c, b, a] = await Promise.all(joining);
    await a!.store.set('key', Buffer.from('value'));
    let closed = false;
    const closing = a!.close({ graceMs: 20_000 }).then(() => (closed = true));
    await b!.close();
    expect(Buffer.from(await c!.store.get('key')).toString()).toBe('value');
    expect(closed).toBe(false);
    await c!.close();
    await closing;
    const again = await StoreServer.listen({ port: port + 1, token: 'x' });
    await again.close();
  });

  it.each(['::1', '[::1]', 'localhost'])('meets at %s', async (address) => {
    const port = (await freePort()) - 1;
    const [a, b, c] = await Promise.all([0, 1, 2].map((rank) => joinRendezvous(placeOf(rank, port, address))));
    await b!.store.set('key', Buffer.from('value'));
    expect(Buffer.from(await c!.store.get('key')).toString()).toBe('value');
    await Promise.all([a!, b!, c!].map((each) => each.close()));
  });

  it('meets at addresses of both kinds where rank 0 listens on every address', async () => {
    const port = (await freePort()) - 1;
    const at = (rank: number, host: string) => {
      const place = placeOf(rank, port);
      return joinRendezvous({ ...place, rendezvous: { ...place.rendezvous!, host, bind: '::' } });
    };
    const all = await Promise.all([at(0, 'a name that only others know'), at(1, '127.0.0.1'), at(2, '::1')]);
    await Promise.all(all.map((each) => each.close()));
  });

  it('does not wait for others that are gone longer than told', async () => {
    const port = (await freePort()) - 1;
    const alone = await joinRendezvous(placeOf(0, port));
    await alone.close({ graceMs: 50 });
  });

  it('connects to the store of a launcher', async () => {
    const server = await StoreServer.listen({ token: 'secret' });
    const place = { ...placeOf(0, 1) };
    const rendezvous = { ...place.rendezvous!, port: server.port, servedBy: 'launcher' as const };
    const joined = await joinRendezvous({ ...place, rendezvous });
    await joined.store.set('key', new Uint8Array(1));
    await joined.close();
    await server.close();
  });

  it('names the port that rank 0 can not have', async () => {
    const server = await StoreServer.listen({ token: 'secret' });
    await expect(joinRendezvous(placeOf(0, server.port - 1))).rejects.toThrow(`port ${server.port} is in use`);
    await server.close();
  });
});
