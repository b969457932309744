import { findGloo } from '../engine/gloo.js';
import { deviceOf, findNccl } from '../engine/nccl.js';
import type { Place } from '../place/Place.js';

/** What one rank wants, and what it could do: all ranks see all offers and choose the same. */
export interface EngineOffer {
  wish: 'auto' | 'gloo' | 'nccl';
  gloo: { problem?: string };
  nccl: { device: number; uuid: string; version: string; problem?: undefined } | { problem: string };
}

/** Looks at this machine. @param device the GPU that was asked for; else the one that goes with the rank's place */
export function offerOf(wish: EngineOffer['wish'], place: Place, device?: number): EngineOffer {
  return { wish, gloo: { problem: findGloo().problem }, nccl: wish === 'gloo' ? notAsked : ncclOf(place, device) };
}

// A rank that is told to use Gloo has no need to open libraries that it will not use.
const notAsked = { problem: "this rank was told to use 'gloo'" };

function ncclOf(place: Place, wanted?: number): EngineOffer['nccl'] {
  const { devices, nccl, problem } = findNccl();
  if (problem !== undefined) return { problem };
  if (wanted !== undefined && wanted >= devices.length) {
    return { problem: `device ${wanted} was asked for, and there are ${devices.length}` };
  }
  const chosen = wanted === undefined ? deviceOf(devices, place) : { device: wanted };
  if (chosen.problem !== undefined) return { problem: chosen.problem };
  return { device: chosen.device, uuid: devices[chosen.device]!.uuid, version: nccl!.version };
}
