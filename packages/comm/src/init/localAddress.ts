import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { networkInterfaces } from 'node:os';

import { ScmoeError } from '@scmoe/errors';

import { isLoopback } from '../place/addresses.js';

/**
 * The address of this machine that faces `host`: what other machines on that side reach it by. Nothing is sent.
 *
 * Where the name of the first machine stands for loopback on that machine itself (Debian writes it so into /etc/hosts),
 * the first address that others can see is taken.
 */
export async function localAddressTowards(host: string, port: number): Promise<string> {
  const { address, family } = await lookup(host);
  if (!isLoopback(address)) {
    const socket = createSocket(family === 6 ? 'udp6' : 'udp4');
    try {
      await new Promise<void>((resolve, reject) => {
        socket.once('error', reject);
        socket.connect(port, address, resolve);
      });
      return socket.address().address;
    } finally {
      socket.close();
    }
  }
  const outwards = Object.values(networkInterfaces()).flatMap((all) => all?.filter(({ internal }) => !internal) ?? []);
  // Addresses that begin with fe80: lead nowhere without the name of an interface.
  const outward =
    outwards.find(({ family: kind }) => kind === 'IPv4') ?? outwards.find(({ address: each }) => !/^fe80:/i.test(each));
  if (outward !== undefined) return outward.address;
  throw new ScmoeError(`no network address found that other machines could reach this one by (${host} is ${address})`);
}
