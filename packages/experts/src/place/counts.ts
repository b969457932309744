import type { LayerRoutes } from '../measure/traceRoutes.js';

/** Rows of each rank's tokens that go to each expert of a layer: (P, N). `routes`: of each rank. */
export function trafficOf(routes: readonly LayerRoutes[]): number[][] {
  return routes.map(({ experts, numExperts }) => {
    const rows = new Array<number>(numExperts).fill(0);
    for (const expert of experts) if (expert >= 0) rows[expert]! += 1;
    return rows;
  });
}

/** Tokens of all ranks that two experts of a layer have both got: (N, N), 0 on the diagonal. */
export function coChoicesOf(routes: readonly LayerRoutes[]): number[][] {
  const counts = square(routes[0]!.numExperts);
  for (const { experts, topK } of routes)
    for (let begin = 0; begin < experts.length; begin += topK)
      for (let a = begin; a < begin + topK; a++)
        for (let b = begin; b < begin + topK; b++)
          if (a !== b && experts[a]! >= 0 && experts[b]! >= 0) counts[experts[a]!]![experts[b]!]! += 1;
  return counts;
}

/**
 * How many tokens of all ranks go from an expert of one layer to one of the next: (N, N). The choices of a token share it out by
 * the products of their weights.
 */
export function affinitiesOf(from: readonly LayerRoutes[], to: readonly LayerRoutes[]): number[][] {
  const counts = square(from[0]!.numExperts);
  from.forEach((routes, rank) =>
    eachPassage(routes, to[rank]!, (before, after, share) => (counts[before]![after]! += share)),
  );
  return counts;
}

/** Every pair of experts that a token goes through in two layers, and its share of the token. */
export function eachPassage(
  from: LayerRoutes,
  to: LayerRoutes,
  visit: (before: number, after: number, share: number) => void,
): void {
  const tokens = from.experts.length / from.topK;
  for (let t = 0; t < tokens; t++) {
    const [before, after] = [choices(from, t), choices(to, t)];
    for (const [i, own] of before) for (const [j, next] of after) visit(i, j, own * next);
  }
}

/** The experts that a token went to, each with its share of their weights. */
function choices({ experts, weights, topK }: LayerRoutes, token: number): [number, number][] {
  const places = Array.from({ length: topK }, (_, i) => token * topK + i).filter((place) => experts[place]! >= 0);
  const sum = places.reduce((total, place) => total + Math.abs(weights[place]!), 0);
  return places.map((place) => [experts[place]!, sum > 0 ? Math.abs(weights[place]!) / sum : 1 / places.length]);
}

function square(size: number): number[][] {
  return Array.from({ length: size }, () => new Array<number>(size).fill(0));
}
