import { ArgumentError } from '@scmoe/errors';

import { CommError } from '../communicator/CommError.js';
import type { Communicator, EngineName } from '../communicator/Communicator.js';
import { GroupCommunicator } from '../communicator/GroupCommunicator.js';
import { checkTimeout } from '../communicator/prepareCall.js';
import type { EngineGroup, EngineSettings } from '../engine/connectNative.js';
import type { Engine } from '../engine/Engine.js';
import { connectGloo } from '../engine/gloo.js';
import { connectNccl } from '../engine/nccl.js';
import { SelfEngine } from '../engine/SelfEngine.js';
import { isEveryAddress } from '../place/addresses.js';
import { findPlace } from '../place/findPlace.js';
import type { Place } from '../place/Place.js';
import { allowedSilenceMs } from '../rendezvous/allowedSilenceMs.js';
import { joinRendezvous } from '../rendezvous/joinRendezvous.js';
import { worldGroup } from '../rendezvous/worldGroup.js';
import { agreeOnEngine } from './agreeOnEngine.js';
import { chooseEngine } from './chooseEngine.js';
import { offerOf, type EngineOffer } from './EngineOffer.js';
import { gatherBytes, leaveBytes } from './gatherBytes.js';
import { localAddressTowards } from './localAddress.js';

/** Options of `init`. */
export interface InitOptions {
  /**
   * What moves the data. 'auto': self in a world of one; nccl where every rank has a GPU of its own and all have the
   * same NCCL; else gloo. Default: SCMOE_ENGINE, or 'auto'.
   */
  engine?: 'auto' | EngineName;
  /** How long the ranks wait for each other, here and in every collective. Default 5 min. */
  timeoutMs?: number;
  /** Default: what the launcher's environment variables say. */
  place?: Place;
  /** Tells apart communicators of one run that are made at the same time. Default 'world'. */
  name?: string;
  /** Address of this machine on which other ranks reach it. Default: SCMOE_LISTEN_HOST, or the one that faces rank 0. */
  listenHost?: string;
  /** Number of the GPU, for nccl, among those that this process sees. Default: the local rank, or the only one. */
  device?: number;
  /** A rendezvous server that says nothing for so long counts as gone, in milliseconds. Default 10 s, for one on this machine 60 s. */
  silenceMs?: number;
  /** How long close waits for the other ranks to close as well, in milliseconds. */
  closeGraceMs?: number;
  /** Folder that gets a record of the last collectives when something fails. Default: SCMOE_FLIGHT_RECORDER_DIR. */
  flightRecorderFolder?: string;
  /** Collectives that a record holds. Default 1024. */
  flightRecorderCapacity?: number;
}

/**
 * The communicator of all ranks of this run. Every rank calls it; it returns when all have come.
 *
 * @throws CommError: ranks that did not come in time, by number; an engine that can't be used here, with what to install
 * @throws PlaceError, RendezvousError for environment variables or a server that make no sense
 */
export async function init(options: InitOptions = {}): Promise<Communicator> {
  const { engine = process.env['SCMOE_ENGINE'] || 'auto', timeoutMs = 300_000, place = findPlace() } = options;
  checkTimeout('init', timeoutMs);
  checkDevice(options.device);
  const { worldSize, source, rendezvous } = place;
  switch (engine) {
    case 'self':
      if (worldSize === 1) break;
      throw new CommError(
        'SCMOE_COMM_UNAVAILABLE',
        `engine 'self' is for a world of one rank, this one has ${worldSize} (${source})`,
      );
    case 'auto':
      if (worldSize === 1) break;
      return joinWorld(engine, place, timeoutMs, options);
    case 'gloo':
    case 'nccl':
      if (worldSize > 1 && rendezvous !== undefined) return joinWorld(engine, place, timeoutMs, options);
      return new GroupCommunicator(await connectAlone(engine, place, timeoutMs, options), { timeoutMs });
    default:
      throw new ArgumentError(`engine: expected 'auto', 'self', 'gloo' or 'nccl', got ${JSON.stringify(engine)}`);
  }
  return new GroupCommunicator(new SelfEngine(options.name), { timeoutMs });
}

function checkDevice(device: number | undefined): void {
  if (device === undefined || (Number.isInteger(device) && device >= 0)) return;
  throw new ArgumentError(`device: expected the number of a GPU, from 0 on, got ${device}`);
}

function connectAlone(engine: 'gloo' | 'nccl', place: Place, timeoutMs: number, options: InitOptions): Promise<Engine> {
  const offer = offerOf(engine, place, options.device);
  chooseEngine([offer]);
  const gather = (own: Uint8Array) => Promise.resolve([own]);
  const group = { name: options.name ?? 'world', rank: 0, size: 1, gather, timeoutMs };
  return connect(engine, offer, group, settingsOf(place, options), () => Promise.resolve('127.0.0.1'));
}

async function connect(
  engine: 'gloo' | 'nccl',
  { nccl }: EngineOffer,
  group: EngineGroup,
  settings: EngineSettings,
  findListenHost: () => Promise<string>,
): Promise<Engine> {
  if (engine === 'gloo') return connectGloo({ ...settings, listenHost: await findListenHost() }, group);
  return connectNccl({ ...settings, device: nccl.problem === undefined ? nccl.device : 0 }, group);
}

async function joinWorld(
  wish: EngineOffer['wish'],
  place: Place,
  timeoutMs: number,
  options: InitOptions,
): Promise<Communicator> {
  const { rank, worldSize: size, rendezvous } = place;
  const meeting = await joinRendezvous(place, { timeoutMs });
  const { store } = meeting;
  // How often this rank has called init: a communicator that is made after a failure must not meet the old one's ranks.
  let haveMet = false;
  const countKey = `scmoe/init/${options.name ?? 'world'}/${rank}`;
  try {
    const count = await store.add(countKey, 1);
    const group = worldGroup(options.name ?? 'world', place.restartCount, count);
    const offer = offerOf(wish, place, options.device);
    const gather = async (topic: string, bytes: Uint8Array) => {
      const all = await gatherBytes(store, { topic, group, rank, size, timeoutMs }, bytes);
      haveMet = true;
      return all;
    };
    const engine = await agreeOnEngine(offer, {
      rank,
      gather: (bytes) => gather('engine', bytes),
      leave: async (bytes) => {
        await leaveBytes(store, { topic: 'engine', group, rank, size, timeoutMs }, bytes);
        haveMet = true;
      },
    });
    const connected = await connect(
      engine,
      offer,
      { name: group, rank, size, timeoutMs, gather: (bytes) => gather('address', bytes) },
      settingsOf(place, options),
      async () => options.listenHost ?? process.env['SCMOE_LISTEN_HOST'] ?? defaultListenHost(place),
    );
    const joined = rendezvous?.servedBy === 'launcher' ? undefined : meeting;
    if (joined === undefined) await meeting.close();
    return new GroupCommunicator(connected, { timeoutMs, onClose: async () => joined?.close() });
  } catch (error) {
    // Who tries again has to count like those who come for the first time; but ranks that have met have all counted.
    if (!haveMet) await store.add(countKey, -1).catch(() => undefined);
    // The others have to read why, from a store that may be this rank's.
    const tells = error instanceof CommError && error.code === 'SCMOE_COMM_UNAVAILABLE';
    await meeting.close({ graceMs: tells ? 2000 : 0 }).catch(() => undefined);
    throw error;
  }
}

function settingsOf({ rank, rendezvous }: Place, options: InitOptions): EngineSettings {
  const servedHere = rendezvous?.servedBy === 'rank 0' && rank === 0;
  const host = servedHere && isEveryAddress(rendezvous.bind) ? '127.0.0.1' : rendezvous?.host;
  return {
    ...(rendezvous && { watch: { host: host!, port: rendezvous.port, token: rendezvous.token } }),
    serverRank: rendezvous?.servedBy === 'rank 0' ? 0 : -1,
    silenceMs: options.silenceMs ?? allowedSilenceMs(host),
    recordFolder: options.flightRecorderFolder ?? process.env['SCMOE_FLIGHT_RECORDER_DIR'] ?? '',
    recordCapacity: options.flightRecorderCapacity ?? 1024,
    closeGraceMs: options.closeGraceMs ?? 2000,
  };
}

async function defaultListenHost({ worldSize, localWorldSize, rendezvous }: Place): Promise<string> {
  if (localWorldSize === worldSize) return '127.0.0.1';
  return localAddressTowards(rendezvous!.host, rendezvous!.port);
}
