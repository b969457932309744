import { CommError } from '../communicator/CommError.js';
import type { EngineOffer } from './EngineOffer.js';

/**
 * The engine of a group, from what its ranks want and could do. The same on every rank that sees the same offers.
 *
 * 'auto' is nccl where every rank has a GPU of its own and all have the same NCCL, and else gloo.
 *
 * @throws CommError naming the ranks that want different engines, or can't use the one that was asked for, and why
 */
export function chooseEngine(offers: readonly EngineOffer[]): 'gloo' | 'nccl' {
  const wishing = (engine: EngineOffer['wish']) => offers.findIndex(({ wish }) => wish === engine);
  const [gloo, nccl] = [wishing('gloo'), wishing('nccl')];
  if (gloo >= 0 && nccl >= 0) {
    throw new CommError(
      'SCMOE_COMM_MISMATCH',
      `ranks ask for different engines: rank ${gloo} for 'gloo', rank ${nccl} for 'nccl'`,
      { ranks: [gloo, nccl] },
    );
  }
  if (nccl >= 0) {
    requireAll('nccl', problemsOf('nccl', offers));
    const versions = differingVersions(offers);
    if (versions) throw unavailable('nccl', versions);
    return 'nccl';
  }
  if (gloo < 0 && whyNotNccl(offers) === undefined) return 'nccl';
  requireAll('gloo', problemsOf('gloo', offers));
  return 'gloo';
}

/** Why 'auto' would not pick nccl, in one sentence, or undefined. */
export function whyNotNccl(offers: readonly EngineOffer[]): string | undefined {
  const [first] = problemsOf('nccl', offers);
  if (first) return `rank ${first.rank}: ${first.problem}`;
  return differingVersions(offers) ?? sharedDevice(offers);
}

function problemsOf(engine: 'gloo' | 'nccl', offers: readonly EngineOffer[]): { rank: number; problem: string }[] {
  return offers.flatMap((offer, rank) => {
    const { problem } = offer[engine];
    return problem === undefined ? [] : [{ rank, problem }];
  });
}

function requireAll(engine: 'gloo' | 'nccl', problems: { rank: number; problem: string }[]): void {
  const [first] = problems;
  if (!first) return;
  const ranks = problems.map(({ rank }) => rank);
  const more = ranks.length > 1 ? ` (and on ${ranks.length - 1} more)` : '';
  throw new CommError(
    'SCMOE_COMM_UNAVAILABLE',
    `The ${engine} engine can't be used on rank ${first.rank}${more}: ${first.problem}`,
    { ranks },
  );
}

function unavailable(engine: string, reason: string): CommError {
  return new CommError('SCMOE_COMM_UNAVAILABLE', `The ${engine} engine can't be used: ${reason}`);
}

/** NCCL does not speak across its own versions. */
function differingVersions(offers: readonly EngineOffer[]): string | undefined {
  const versions = offers.map(({ nccl }) => (nccl.problem === undefined ? nccl.version : ''));
  const other = versions.findIndex((version) => version !== versions[0]);
  return other < 0 ? undefined : `rank 0 has NCCL ${versions[0]}, rank ${other} has ${versions[other]}`;
}

function sharedDevice(offers: readonly EngineOffer[]): string | undefined {
  const owners = new Map<string, number>();
  for (const [rank, { nccl }] of offers.entries()) {
    if (nccl.problem !== undefined) continue;
    const owner = owners.get(nccl.uuid);
    if (owner !== undefined) return `ranks ${owner} and ${rank} would share the GPU ${nccl.uuid}`;
    owners.set(nccl.uuid, rank);
  }
  return undefined;
}
