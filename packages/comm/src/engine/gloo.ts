import type { GlooFunctions } from '@scmoe/native/signatures';

import { CommError } from '../communicator/CommError.js';
import { findEngineAddon, type EngineAddon } from './commAddon.js';
import { connectNative, type EngineGroup, type EngineSettings } from './connectNative.js';
import type { Engine } from './Engine.js';

export interface GlooSettings extends EngineSettings {
  /** Address of this machine on which other ranks reach it. */
  listenHost: string;
}

/** Whether the Gloo engine can be used here. */
export interface GlooEngineReport {
  /** The addon's file, whether or not it is there. */
  path: string;
  /** Says in one sentence why it can't be used, and what to install; absent where it can. */
  problem?: string;
}

let found: EngineAddon<GlooFunctions> | undefined;

/** Looks whether the Gloo engine can be used here. Never throws. */
export function findGloo(): GlooEngineReport {
  const { path, problem } = openGloo();
  return { path, ...(problem !== undefined && { problem }) };
}

/** The addon itself, for calls. */
export function openGloo(): EngineAddon<GlooFunctions> {
  return (found ??= findEngineAddon(
    'gloo',
    'with Gloo (Debian and Ubuntu: apt-get install libgloo-dev), a C++ compiler and CMake, `npm run build` in the repository makes it',
  ));
}

/** Connects to all ranks of a group. @throws CommError */
export async function connectGloo(settings: GlooSettings, group: EngineGroup): Promise<Engine> {
  const { addon, problem } = openGloo();
  if (!addon) throw new CommError('SCMOE_COMM_UNAVAILABLE', `The gloo engine can't be used: ${problem}`);
  return connectNative(
    {
      name: 'gloo',
      addon,
      open: (_group, options) => addon.glooOpen({ ...options, listenHost: settings.listenHost }),
      introduce: (id) => addon.glooAddress({ id }),
      meet: (id, addresses) => addon.glooSetAddresses({ id, count: addresses.length, addresses }),
    },
    settings,
    group,
  );
}
