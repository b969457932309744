import { placeAlong } from './placeAlong.js';
import { placeAtHome, placeByLoad, type Placement } from './placements.js';
import { placeTogether } from './placeTogether.js';

/** What is to be placed, by some objective. */
export interface PlaceProblem {
  /** The experts of each layer in the order of their places in so many groups of equal size. */
  solve(groups: number): Placement[];
  /** The same problem inside one of `groups` groups, which has these experts of each layer: they are numbered in this order. */
  within(members: readonly Placement[], group: number, groups: number): PlaceProblem;
}

/**
 * Places experts on ranks, on nodes first where ranks are on several: what goes between nodes costs much more than what stays
 * inside, so that the second step never undoes the first.
 *
 * @param nodes divides `ranks`
 */
export function placeOnLevels(problem: PlaceProblem, { ranks, nodes }: { ranks: number; nodes: number }): Placement[] {
  if (nodes === 1 || nodes === ranks) return problem.solve(ranks);
  const onNodes = problem.solve(nodes);
  const size = onNodes[0]!.length / nodes;
  const parts = Array.from({ length: nodes }, (_, node) => {
    const members = onNodes.map((placement) => placement.slice(node * size, (node + 1) * size));
    const inside = problem.within(members, node, nodes).solve(ranks / nodes);
    return inside.map((placement, layer) => placement.map((i) => members[layer]![i]!));
  });
  return onNodes.map((_, layer) => parts.flatMap((part) => part[layer]!));
}

/**
 * Keeping rows at home, or the fullest rank empty.
 *
 * @param traffic (layers, P, N) rows of each rank's tokens to each expert
 */
export function trafficProblem(traffic: readonly number[][][], objective: 'home' | 'load'): PlaceProblem {
  const place = objective === 'home' ? placeAtHome : placeByLoad;
  return {
    solve: (groups) => traffic.map((own) => place(merged(own, groups))),
    within: (members, group, groups) =>
      trafficProblem(
        traffic.map((own, layer) => {
          const size = own.length / groups;
          // All ranks' rows count for the load, and those from here for staying here.
          const rows = objective === 'home' ? own.slice(group * size, (group + 1) * size) : own;
          return rows.map((row) => members[layer]!.map((expert) => row[expert]!));
        }),
        objective,
      ),
  };
}

/**
 * Keeping experts together that tokens choose together.
 *
 * @param counts (layers, N, N) tokens that chose two experts together
 */
export function togetherProblem(counts: readonly number[][][]): PlaceProblem {
  return {
    solve: (groups) => counts.map((own) => placeTogether(own, groups)),
    within: (members) => togetherProblem(counts.map((own, layer) => part(own, members[layer]!, members[layer]!))),
  };
}

/**
 * Keeping tokens on their rank from layer to layer.
 *
 * @param affinities (layers - 1, N, N) tokens from an expert of a layer to one of the next
 */
export function alongProblem(affinities: readonly number[][][], numExperts: number): PlaceProblem {
  return {
    solve: (groups) => placeAlong(affinities, numExperts, groups),
    within: (members) =>
      alongProblem(
        affinities.map((own, layer) => part(own, members[layer]!, members[layer + 1]!)),
        members[0]!.length,
      ),
  };
}

function part(counts: readonly number[][], rows: Placement, columns: Placement): number[][] {
  return rows.map((row) => columns.map((column) => counts[row]![column]!));
}

/** Traffic of groups of ranks; of one group alone all experts, whatever the ranks: (groups, N). */
function merged(traffic: readonly number[][], groups: number): number[][] {
  const size = Math.max(1, traffic.length / groups);
  return Array.from({ length: groups }, (_, group) => {
    const rows = traffic.slice(group * size, (group + 1) * size);
    return traffic[0]!.map((_, expert) => rows.reduce((sum, row) => sum + row[expert]!, 0));
  });
}
