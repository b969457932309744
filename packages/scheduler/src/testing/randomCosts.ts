import type { OperatorGraph } from '../graph/OperatorGraph.js';

/** Numbers from 0 to 1 that are the same in every run (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Costs over several orders of magnitude, with zeros among them; exchanges as often longer as shorter than the rest. */
export function randomCosts(graph: OperatorGraph, random: () => number): Record<string, number> {
  const scale = 10 ** (2 * random() - 1);
  return Object.fromEntries(
    graph.names.map((name) => {
      const cost = random() < 0.1 ? 0 : 10 * random();
      return [name, graph.isExchange(name) ? cost * scale : cost];
    }),
  );
}

/** The same cost for every operator of the graph, apart from those given. */
export function costsOf(graph: OperatorGraph, costs: Record<string, number>, others = 1): Record<string, number> {
  return { ...Object.fromEntries(graph.names.map((name) => [name, others])), ...costs };
}
