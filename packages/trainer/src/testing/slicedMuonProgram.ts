// A rank's program: steps with Muon on slices, each in another factorisation of the ranks from where the one before has come to.
// Rank 0 sends what a checkpoint would have after each, and the tensors that it left behind.
import { closeRanks, init } from '@scmoe/comm';
import { useBackend } from '@scmoe/tensor';
import { sendResult } from '@scmoe/testing';

import { createRankGroups } from '../parallel/RankGroups.js';
import { muonFactors, muonNumbers, muonStep, type MuonState, type Numbers } from './slicedMuonSteps.js';

await useBackend('auto', { threads: 1 });
const world = await init({ engine: 'gloo', timeoutMs: 120_000, silenceMs: 60_000 });
let now: Pick<MuonState, 'parameters' | 'state'> = { parameters: muonNumbers(1), state: {} };
const states: MuonState[] = [];
for (const [step, factors] of muonFactors(world.size).entries()) {
  const groups = await createRankGroups((await world.split(0))!, factors);
  // Small tiles: a stack of experts takes several rounds.
  const own = await muonStep(now, { step, groups, tileValues: step % 2 === 0 ? 100 : 2 ** 20 });
  if (own) states.push(own);
  now = await fromRank0(own);
  await closeRanks(groups);
}
await world.close();
await sendResult(world.rank === 0 ? states : []);

/** What rank 0 has, on every rank. */
async function fromRank0(own: MuonState | undefined): Promise<Pick<MuonState, 'parameters' | 'state'>> {
  const text = world.rank === 0 ? JSON.stringify([own!.parameters, own!.state], replaceArrays) : '';
  const [length] = await world.broadcast(Int32Array.of(text.length)).done;
  const bytes = await world.broadcast(new Int32Array(length!).map((_, i) => text.charCodeAt(i))).done;
  const all = Array.from(bytes, (code) => String.fromCharCode(code)).join('');
  const [parameters, state] = JSON.parse(all, reviveArrays) as [Numbers, Numbers];
  return { parameters, state };
}

function replaceArrays(_: string, value: unknown): unknown {
  return value instanceof Float32Array ? { float32: [...value] } : value;
}

function reviveArrays(_: string, value: unknown): unknown {
  const numbers = (value as { float32?: number[] } | null)?.float32;
  return numbers ? Float32Array.from(numbers) : value;
}
