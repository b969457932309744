import { CommError } from '../communicator/CommError.js';
import { Completion } from '../communicator/Completion.js';
import type { CommAddon, OpenOptions } from './commAddon.js';
import { findEngineAddon, type EngineAddon } from './commAddon.js';
import type { Engine, GroupPlan } from './Engine.js';
import { NativeEngine } from './NativeEngine.js';

/** See native/bindings/comm/gloo.cc. */
interface GlooFunctions {
  glooOpen(
    onDone: (sequence: number) => void,
    listenHost: string,
    connectTimeoutMs: number,
    ...options: OpenOptions
  ): number;
  glooAddresses(id: number): Uint8Array;
  glooSetAddresses(id: number, addresses: Uint8Array[]): void;
}

export interface GlooSettings {
  /** Address of this machine on which other ranks reach it. */
  listenHost: string;
  /** Where deaths are announced; none in a world of one. */
  watch?: { host: string; port: number; token: string };
  /** The rank in whose process the rendezvous server runs; -1 for none. */
  serverRank: number;
  silenceMs: number;
  /** Folder for flight records of failures; empty for none. */
  recordFolder: string;
  recordCapacity: number;
  closeGraceMs: number;
}

export interface GlooGroup {
  name: string;
  rank: number;
  size: number;
  /** Gives this rank's addresses to all and gets everybody's, by rank of the new group. */
  gather(addresses: Uint8Array): Promise<Uint8Array[]>;
  timeoutMs: number;
}

let found: EngineAddon<GlooFunctions> | undefined;

/** Whether the Gloo engine can be used here; `problem` says in one sentence why not, and what to install. */
export function findGloo(): EngineAddon<GlooFunctions> {
  return (found ??= findEngineAddon(
    'gloo',
    'with Gloo (Debian and Ubuntu: apt-get install libgloo-dev), a C++ compiler and CMake, `npm run build` in the repository makes it',
  ));
}

/** Connects to all ranks of a group. @throws CommError */
export async function connectGloo(settings: GlooSettings, group: GlooGroup): Promise<Engine> {
  const { addon, problem } = findGloo();
  if (!addon) throw new CommError('SCMOE_COMM_UNAVAILABLE', `The gloo engine can't be used: ${problem}`);
  const { name, rank, size, timeoutMs } = group;
  const engine = new NativeEngine(addon, {
    name: 'gloo',
    group: name,
    rank,
    size,
    open: (onDone) => addon.glooOpen(onDone, settings.listenHost, timeoutMs, ...openOptions(settings, group)),
    split: (parent, plan) => splitGloo(addon, settings, parent, plan),
  });
  try {
    addon.glooSetAddresses(engine.id, await group.gather(addon.glooAddresses(engine.id)));
    const start = (onDone: () => void) => engine.start({ ...connectCall, timeoutMs }, onDone);
    await new Completion(start, () => undefined).whenDone();
    return engine;
  } catch (error) {
    engine.release();
    throw error;
  }
}

const connectCall = {
  operation: 'connect',
  dtype: 'float32',
  wire: 'float32',
  reduction: 'sum',
  root: 0,
  elements: 0,
} as const;

async function splitGloo(
  addon: CommAddon,
  settings: GlooSettings,
  parent: NativeEngine,
  plan: GroupPlan,
): Promise<Engine | undefined> {
  const { name, members, timeoutMs } = plan;
  if (members === undefined) {
    await plan.gather(new Uint8Array(0));
    return undefined;
  }
  try {
    return await connectGloo(
      { ...settings, serverRank: members.indexOf(settings.serverRank) },
      {
        name,
        rank: members.indexOf(parent.rank),
        size: members.length,
        gather: async (addresses) => {
          const all = await plan.gather(addresses);
          return members.map((member) => all[member]!);
        },
        timeoutMs,
      },
    );
  } catch (error) {
    // The others may wait for this rank's addresses.
    addon.commAbort(parent.id, `split failed: ${(error as Error).message}`);
    throw error;
  }
}

function openOptions(settings: GlooSettings, { name, rank, size }: GlooGroup): OpenOptions {
  const { watch, serverRank, silenceMs, recordFolder, recordCapacity, closeGraceMs } = settings;
  const { host = '', port = 0, token = '' } = watch ?? {};
  return [name, rank, size, host, port, token, serverRank, silenceMs, recordFolder, recordCapacity, closeGraceMs];
}
