import { routerAheadName } from '../routerAhead/RouterAheadConfig.js';
import { isHiddenMatrix } from '../stages/isHiddenMatrix.js';

/**
 * Whether a parameter of a language model may be kept in fewer bytes than float32: the matrices that kernels read as they are
 * stored. Not the embedding, a table, nor routers, whose choices must not be rounded; not latent attention's `wkvUp`, of which
 * generation takes parts, nor SwiGLU with biases, which is composed of ops that would expand it each time.
 *
 * @param names of all parameters of the model
 */
export function isStorable(name: string, { rank, names }: { rank: number; names: ReadonlySet<string> }): boolean {
  if (name === 'head.weight') return true;
  if (!isHiddenMatrix(name, { rank }) || name.startsWith(`${routerAheadName}.`)) return false;
  const [, owner, own] = /^(.*\.)?([^.]*)$/.exec(name)!;
  return own !== 'wkvUp' && !names.has(`${owner ?? ''}gateBias`);
}
