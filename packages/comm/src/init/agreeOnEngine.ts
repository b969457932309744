import { CommError } from '../communicator/CommError.js';
import { chooseEngine } from './chooseEngine.js';
import type { EngineOffer } from './EngineOffer.js';

export interface Ballot {
  rank: number;
  /** Gives this rank's bytes to all and gets everybody's, by rank. */
  gather: (bytes: Uint8Array) => Promise<Uint8Array[]>;
  /** Leaves this rank's bytes for the others, and waits for nobody. */
  leave: (bytes: Uint8Array) => Promise<void>;
}

/**
 * Every rank tells what it wants and what it could do, and all choose the same engine. A rank that can't do what it wants
 * fails at once, and the others learn why.
 *
 * @throws CommError; see `chooseEngine`
 */
export async function agreeOnEngine(offer: EngineOffer, { rank, gather, leave }: Ballot): Promise<'gloo' | 'nccl'> {
  const own = new TextEncoder().encode(JSON.stringify(offer));
  const problem = ownProblem(offer);
  if (problem !== undefined) {
    await leave(own);
    throw new CommError('SCMOE_COMM_UNAVAILABLE', problem, { ranks: [rank] });
  }
  const all = await gather(own);
  return chooseEngine(all.map((bytes) => JSON.parse(new TextDecoder().decode(bytes)) as EngineOffer));
}

function ownProblem({ wish, gloo, nccl }: EngineOffer): string | undefined {
  const cannot = (engine: string, problem: string) => `The ${engine} engine can't be used: ${problem}`;
  if (wish === 'nccl') return nccl.problem === undefined ? undefined : cannot('nccl', nccl.problem);
  if (gloo.problem === undefined) return undefined;
  if (wish === 'gloo') return cannot('gloo', gloo.problem);
  return nccl.problem === undefined ? undefined : `${cannot('gloo', gloo.problem)}. ${cannot('nccl', nccl.problem)}`;
}
