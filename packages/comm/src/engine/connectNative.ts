import type { CommFunctions, GlooFunctions } from '@scmoe/native/signatures';

import { toCommError } from '../communicator/CommError.js';
import type { EngineName } from '../communicator/Communicator.js';
import { Completion } from '../communicator/Completion.js';
import type { Engine, GroupPlan } from './Engine.js';
import { NativeEngine } from './NativeEngine.js';

/** What every native engine is told, besides the group that it connects. */
export interface EngineSettings {
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

export interface EngineGroup {
  name: string;
  rank: number;
  size: number;
  /** Gives this rank's bytes to all and gets everybody's, by rank of the new group. */
  gather(bytes: Uint8Array): Promise<Uint8Array[]>;
  timeoutMs: number;
}

/** What every engine's open function takes. */
export type OpenOptions = Omit<Parameters<GlooFunctions['glooOpen']>[0], 'listenHost'>;

/** What one engine does its own way. */
export interface NativeKind {
  name: EngineName;
  addon: CommFunctions;
  /** Opens the addon's communicator for a group, unconnected. */
  open(group: EngineGroup, options: OpenOptions): number;
  /** What this rank tells the others, so that they can connect. */
  introduce(id: number, rank: number): Uint8Array;
  /** Takes what all ranks have told. */
  meet(id: number, everybody: Uint8Array[]): void;
}

/** Connects to all ranks of a group. @throws CommError */
export async function connectNative(kind: NativeKind, settings: EngineSettings, group: EngineGroup): Promise<Engine> {
  const { name, rank, size, timeoutMs } = group;
  const engine = new NativeEngine(kind.addon, {
    name: kind.name,
    group: name,
    rank,
    size,
    readsDeviceMemory: kind.name === 'nccl',
    open: (onDone) => kind.open(group, { onDone, ...openOptions(settings, group) }),
    split: (parent, plan) => split(kind, settings, parent, plan),
  });
  try {
    kind.meet(engine.id, await group.gather(kind.introduce(engine.id, rank)));
    const start = (onDone: () => void) => engine.start({ ...connectCall, timeoutMs }, onDone);
    await new Completion(start, () => undefined).whenDone();
    return engine;
  } catch (error) {
    engine.release();
    throw toCommError(error);
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

async function split(
  kind: NativeKind,
  settings: EngineSettings,
  parent: NativeEngine,
  plan: GroupPlan,
): Promise<Engine | undefined> {
  const { name, members, timeoutMs } = plan;
  if (members === undefined) {
    await plan.gather(new Uint8Array(0));
    return undefined;
  }
  try {
    return await connectNative(
      kind,
      { ...settings, serverRank: members.indexOf(settings.serverRank) },
      {
        name,
        rank: members.indexOf(parent.rank),
        size: members.length,
        gather: async (bytes) => {
          const all = await plan.gather(bytes);
          return members.map((member) => all[member]!);
        },
        timeoutMs,
      },
    );
  } catch (error) {
    // The others may wait for this rank's introduction.
    parent.abort(`split failed: ${(error as Error).message}`);
    throw error;
  }
}

function openOptions(settings: EngineSettings, { name: group, rank, size }: EngineGroup): Omit<OpenOptions, 'onDone'> {
  const { watch, serverRank, silenceMs, recordFolder, recordCapacity, closeGraceMs } = settings;
  const { host: watchHost = '', port: watchPort = 0, token: watchToken = '' } = watch ?? {};
  const watching = { watchHost, watchPort, watchToken, serverRank, silenceMs };
  return { group, rank, size, ...watching, recordFolder, recordCapacity, closeGraceMs };
}
