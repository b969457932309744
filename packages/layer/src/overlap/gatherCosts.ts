import type { Communicator } from '@scmoe/comm';
import type { OperatorCosts, OperatorGraph } from '@scmoe/scheduler';

/**
 * The times that hold for all ranks: of a computation that of the slowest rank, of an exchange that of the quickest, for
 * the others have waited for it; so they may have in a gate and in encode, which tell each other how many rows there are. A
 * collective: all ranks call it, for the same operators.
 */
export async function gatherCosts(
  world: Communicator | undefined,
  graph: OperatorGraph,
  own: OperatorCosts,
): Promise<OperatorCosts> {
  if (!world || world.size === 1) return own;
  const { names } = graph;
  const all = await world.allGather(Float32Array.from(names, (name) => own[name]!)).done;
  return Object.fromEntries(
    names.map((name, i) => {
      const times = Array.from({ length: world.size }, (_, rank) => all[rank * names.length + i]!);
      const mayWait = graph.isExchange(name) || ['gate', 'encode'].includes(graph.get(name).kind);
      return [name, mayWait ? Math.min(...times) : Math.max(...times)];
    }),
  );
}
