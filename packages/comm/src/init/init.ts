import { CommError } from '../communicator/CommError.js';
import type { Communicator, EngineName } from '../communicator/Communicator.js';
import { GroupCommunicator } from '../communicator/GroupCommunicator.js';
import { checkTimeout } from '../communicator/prepareCall.js';
import { connectGloo, findGloo, type GlooSettings } from '../engine/gloo.js';
import { SelfEngine } from '../engine/SelfEngine.js';
import { findPlace } from '../place/findPlace.js';
import type { Place } from '../place/Place.js';
import { joinRendezvous } from '../rendezvous/joinRendezvous.js';
import { gatherAddresses } from './gatherAddresses.js';
import { localAddressTowards } from './localAddress.js';

/** Options of `init`. */
export interface InitOptions {
  /** 'auto': gloo where there are several ranks, self in a world of one. */
  engine?: 'auto' | EngineName;
  /** How long the ranks wait for each other, here and in every collective. Default 5 min. */
  timeoutMs?: number;
  /** Default: what the launcher's environment variables say. */
  place?: Place;
  /** Tells apart communicators of one run that are made at the same time. Default 'world'. */
  name?: string;
  /** Address of this machine on which other ranks reach it. Default: SCMOE_LISTEN_HOST, or the one that faces rank 0. */
  listenHost?: string;
  /** A rendezvous server that says nothing for so long counts as gone, in milliseconds. */
  silenceMs?: number;
  /** How long close waits for the other ranks to close as well, in milliseconds. */
  closeGraceMs?: number;
  /** Folder that gets a record of the last collectives when something fails. Default: SCMOE_FLIGHT_RECORDER_DIR. */
  flightRecorderFolder?: string;
  /** Collectives that a record holds. */
  flightRecorderCapacity?: number;
}

/**
 * The communicator of all ranks of this run. Every rank calls it; it returns when all have come.
 *
 * @throws CommError: ranks that did not come in time, by number; an engine that can't be used here, with what to install
 * @throws PlaceError, RendezvousError for environment variables or a server that make no sense
 */
export async function init(options: InitOptions = {}): Promise<Communicator> {
  const { engine = 'auto', timeoutMs = 300_000, place = findPlace() } = options;
  checkTimeout('init', timeoutMs);
  const chosen = chooseEngine(engine, place);
  if (chosen === 'self') return new GroupCommunicator(new SelfEngine(options.name), { timeoutMs });
  if (place.worldSize === 1 || place.rendezvous === undefined) {
    const alone = { name: 'world', rank: 0, size: 1, gather: (own: Uint8Array) => Promise.resolve([own]), timeoutMs };
    return new GroupCommunicator(await connectGloo(settingsOf('127.0.0.1', place, options), alone), { timeoutMs });
  }
  return joinWorld({ ...place, rendezvous: place.rendezvous }, timeoutMs, options);
}

function chooseEngine(engine: string, { worldSize, source }: Place): 'self' | 'gloo' {
  switch (engine) {
    case 'auto':
      return worldSize === 1 ? 'self' : 'gloo';
    case 'self':
      if (worldSize === 1) return 'self';
      throw new CommError(
        'SCMOE_COMM_UNAVAILABLE',
        `engine 'self' is for a world of one rank, this one has ${worldSize} (${source})`,
      );
    case 'gloo':
      return 'gloo';
    default:
      throw new RangeError(`engine: expected 'auto', 'self' or 'gloo', got ${JSON.stringify(engine)}`);
  }
}

async function joinWorld(
  place: Place & Required<Pick<Place, 'rendezvous'>>,
  timeoutMs: number,
  options: InitOptions,
): Promise<Communicator> {
  const { rank, worldSize: size, rendezvous } = place;
  const { problem } = findGloo();
  if (problem) throw new CommError('SCMOE_COMM_UNAVAILABLE', `The gloo engine can't be used: ${problem}`);
  const listenHost = options.listenHost ?? process.env['SCMOE_LISTEN_HOST'] ?? (await defaultListenHost(place));
  const meeting = await joinRendezvous(place, { timeoutMs });
  const { store } = meeting;
  // How often this rank has called init: a communicator that is made after a failure must not meet the old one's ranks.
  let haveMet = false;
  const countKey = `scmoe/init/${options.name ?? 'world'}/${rank}`;
  try {
    const count = await store.add(countKey, 1);
    const name = `${options.name ?? 'world'}/${place.restartCount}.${count}`;
    const engine = await connectGloo(settingsOf(listenHost, place, options), {
      name,
      rank,
      size,
      timeoutMs,
      gather: async (addresses) => {
        const all = await gatherAddresses(store, { group: name, rank, size, timeoutMs }, addresses);
        haveMet = true;
        return all;
      },
    });
    const joined = rendezvous.servedBy === 'launcher' ? undefined : meeting;
    if (joined === undefined) await meeting.close();
    return new GroupCommunicator(engine, { timeoutMs, onClose: async () => joined?.close() });
  } catch (error) {
    // Who tries again has to count like those who come for the first time; but ranks that have met have all counted.
    if (!haveMet) await store.add(countKey, -1).catch(() => undefined);
    await meeting.close({ graceMs: 0 }).catch(() => undefined);
    throw error;
  }
}

function settingsOf(listenHost: string, { rank, rendezvous }: Place, options: InitOptions): GlooSettings {
  const servedHere = rendezvous?.servedBy === 'rank 0' && rank === 0;
  const host = servedHere && rendezvous.bind === '0.0.0.0' ? '127.0.0.1' : rendezvous?.host;
  return {
    listenHost,
    ...(rendezvous && { watch: { host: host!, port: rendezvous.port, token: rendezvous.token } }),
    serverRank: rendezvous?.servedBy === 'rank 0' ? 0 : -1,
    silenceMs: options.silenceMs ?? 10_000,
    recordFolder: options.flightRecorderFolder ?? process.env['SCMOE_FLIGHT_RECORDER_DIR'] ?? '',
    recordCapacity: options.flightRecorderCapacity ?? 256,
    closeGraceMs: options.closeGraceMs ?? 2000,
  };
}

async function defaultListenHost({ worldSize, localWorldSize, rendezvous }: Place): Promise<string> {
  if (localWorldSize === worldSize) return '127.0.0.1';
  return localAddressTowards(rendezvous!.host, rendezvous!.port);
}
