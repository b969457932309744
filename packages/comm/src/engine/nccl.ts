import type { NcclFunctions } from '@scmoe/native/signatures';

import { CommError } from '../communicator/CommError.js';
import { findEngineAddon } from './commAddon.js';
import { connectNative, type EngineGroup, type EngineSettings } from './connectNative.js';
import type { Engine } from './Engine.js';
import { driverCandidates, ncclCandidates, ncclPlaces } from './libraryCandidates.js';

interface FoundLibrary {
  path: string;
  version: string;
  /** Why it can't be used; empty where it can. */
  problem: string;
}

/** What the addon finds on this machine: `jsonOf` in native/comm/nccl/nccl_probe.cc. */
interface Probe {
  nccl: FoundLibrary;
  driver: FoundLibrary;
  devices: GpuDevice[];
}

/** A GPU as the driver describes it. */
export interface GpuDevice {
  name: string;
  uuid: string;
}

/** What there is of NCCL, the CUDA driver and GPUs, and why the engine can not be used where it can not. */
export interface NcclEngineReport {
  /** The library's version and path, and the driver's; undefined where there is none. */
  nccl?: { version: string; path: string };
  driver?: { version: string; path: string };
  devices: readonly GpuDevice[];
  /** Why the engine can't be used here: everything that is missing, and where it was looked for. */
  problem?: string;
}

export interface NcclSettings extends EngineSettings {
  /** Number of the GPU, among those that this process sees. */
  device: number;
}

let found: { addon?: NcclFunctions; report: NcclEngineReport } | undefined;

/**
 * Whether the NCCL engine can be used here: NCCL, the CUDA driver and a device are looked for once a process. Never
 * throws: `problem` says in full why not.
 */
export function findNccl(): NcclEngineReport {
  return look().report;
}

function look() {
  return (found ??= lookAround());
}

function lookAround(): NonNullable<typeof found> {
  const { addon, problem } = findEngineAddon<NcclFunctions>(
    'nccl',
    'with a C++ compiler and CMake, `npm run build` in the repository makes it',
  );
  if (!addon) return { report: { devices: [], problem } };
  const { nccl, driver, devices } = JSON.parse(
    addon.ncclProbe({ ncclCandidates: ncclCandidates(), driverCandidates: driverCandidates() }),
  ) as Probe;
  const problems = [nccl.problem && `${nccl.problem} (${advice()})`, driver.problem].filter((text) => text !== '');
  const library = ({ path, version }: FoundLibrary) => (version === '' ? undefined : { path, version });
  return {
    addon,
    report: {
      nccl: library(nccl),
      driver: library(driver),
      devices,
      ...(problems.length > 0 && { problem: problems.join('; and ') }),
    },
  };
}

function advice(): string {
  if (process.env['SCMOE_NCCL_LIB']) return 'SCMOE_NCCL_LIB names this file and no other';
  return `looked in ${ncclPlaces}; pip install nvidia-nccl-cu13, or set SCMOE_NCCL_LIB to the file`;
}

/**
 * The GPU of a rank: the one with its number on the host, or the only one that it sees, where its launcher hides the
 * others.
 *
 * @returns the device's number, or why there is none
 */
export function deviceOf(
  devices: readonly GpuDevice[],
  { localRank, localWorldSize }: { localRank: number; localWorldSize: number },
): { device: number; problem?: undefined } | { problem: string } {
  if (localRank < devices.length) return { device: localRank };
  if (devices.length === 1) return { device: 0 };
  return { problem: `the ${localWorldSize} ranks of this host see ${devices.length} GPUs: expected one for each` };
}

/** Connects to all ranks of a group. @throws CommError */
export async function connectNccl(settings: NcclSettings, group: EngineGroup): Promise<Engine> {
  const { addon, report } = look();
  if (!addon || report.problem !== undefined) {
    throw new CommError('SCMOE_COMM_UNAVAILABLE', `The nccl engine can't be used: ${report.problem}`);
  }
  const found = { ncclPath: report.nccl!.path, driverPath: report.driver!.path, device: settings.device };
  return connectNative(
    {
      name: 'nccl',
      addon,
      open: (_group, options) => addon.ncclOpen({ ...options, ...found }),
      // Rank 0 makes the id by which the ranks find each other; NCCL takes care of their addresses.
      introduce: (id, rank) => (rank === 0 ? addon.ncclCreateId({ id }) : new Uint8Array(0)),
      meet: (id, everybody) => addon.ncclSetId({ id, bytes: everybody[0]! }),
    },
    settings,
    group,
  );
}
