import type { LayerRoutes } from '../measure/traceRoutes.js';
import { eachPassage, trafficOf } from './counts.js';
import { placedTraffic, type PlacedTraffic, type Placement } from './placements.js';

/** What a placement comes to, summed over all layers. */
export interface PlacementMeasures extends PlacedTraffic {
  /** Rows that leave their node, of `rows`. */
  rowsBetweenNodes: number;
  /** Rows that would leave their rank, were one sent for each rank that a token goes to and not for each choice. */
  remoteRanks: number;
  /** Tokens that would change their rank between two layers with experts, did they stay where their last experts were. */
  moves: number;
}

/** Where the experts of each layer are, by the layer's name, on how many ranks of how many nodes. */
export interface PlacedExperts {
  placements: Readonly<Record<string, Placement>>;
  ranks: number;
  nodes: number;
}

/**
 * Counts what a placement makes of traced routes.
 *
 * @param routes of each rank's text, layer by layer
 */
export function measurePlacement(
  routes: readonly (readonly LayerRoutes[])[],
  { placements, ranks, nodes }: PlacedExperts,
): PlacementMeasures {
  const measures = { rows: 0, remoteRows: 0, fullestRank: 0, rowsBetweenNodes: 0, remoteRanks: 0, moves: 0 };
  routes[0]!.forEach(({ layer }, l) => {
    const own = routes.map((layers) => layers[l]!);
    const placement = placements[layer]!;
    const traffic = placedTraffic(trafficOf(own), placement);
    measures.rows += traffic.rows;
    measures.remoteRows += traffic.remoteRows;
    measures.fullestRank += traffic.fullestRank;
    const rankOf = ranksOf(placement, ranks);
    const nodeOf = (rank: number) => Math.floor((rank * nodes) / ranks);
    own.forEach(({ experts, topK }, rank) => {
      for (let begin = 0; begin < experts.length; begin += topK) {
        const owners = [...experts.subarray(begin, begin + topK)].filter((e) => e >= 0).map((e) => rankOf[e]!);
        measures.rowsBetweenNodes += owners.filter((owner) => nodeOf(owner) !== nodeOf(rank)).length;
        measures.remoteRanks += new Set(owners.filter((owner) => owner !== rank)).size;
      }
      const next = routes[rank]![l + 1];
      if (!next) return;
      const nextRankOf = ranksOf(placements[next.layer]!, ranks);
      eachPassage(
        routes[rank]![l]!,
        next,
        (i, p, share) => (measures.moves += rankOf[i] === nextRankOf[p] ? 0 : share),
      );
    });
  });
  return measures;
}

function ranksOf(placement: Placement, ranks: number): number[] {
  const size = placement.length / ranks;
  const owners = new Array<number>(placement.length);
  placement.forEach((expert, place) => (owners[expert] = Math.floor(place / size)));
  return owners;
}
