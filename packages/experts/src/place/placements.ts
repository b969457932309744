import { assign } from './assign.js';

/** The experts of a layer in the order of their places: rank r has the r-th run of as many. */
export type Placement = number[];

/**
 * The placement that leaves most rows at home, exactly: an assignment of experts to as many places of each rank.
 *
 * @param traffic (P, N) rows of each rank's tokens that go to each expert; P divides N
 */
export function placeAtHome(traffic: readonly (readonly number[])[]): Placement {
  const ranks = traffic.length;
  const numExperts = traffic[0]!.length;
  const size = numExperts / ranks;
  const values = Array.from({ length: numExperts }, (_, expert) =>
    Array.from({ length: numExperts }, (_, place) => traffic[Math.floor(place / size)]![expert]!),
  );
  const placeOf = assign(values);
  const members = Array.from({ length: ranks }, (): number[] => []);
  placeOf.forEach((place, expert) => members[Math.floor(place / size)]!.push(expert));
  return members.flat();
}

/**
 * A placement that makes the fullest rank as empty as it can: the fullest experts first, each to the emptiest rank with a
 * place, then swaps between the fullest rank and others as long as they help. Not always the best one.
 *
 * @param traffic (P, N) rows of each rank's tokens that go to each expert; P divides N
 */
export function placeByLoad(traffic: readonly (readonly number[])[]): Placement {
  const ranks = traffic.length;
  const numExperts = traffic[0]!.length;
  const size = numExperts / ranks;
  const load = Array.from({ length: numExperts }, (_, e) => traffic.reduce((sum, row) => sum + row[e]!, 0));
  const members = Array.from({ length: ranks }, (): number[] => []);
  const loadOf = (rank: number) => members[rank]!.reduce((sum, e) => sum + load[e]!, 0);
  const byLoad = [...load.keys()].sort((a, b) => load[b]! - load[a]! || a - b);
  for (const expert of byLoad) {
    const open = [...members.keys()].filter((rank) => members[rank]!.length < size);
    const emptiest = open.reduce((best, rank) => (loadOf(rank) < loadOf(best) ? rank : best));
    members[emptiest]!.push(expert);
  }
  while (swapOnce(members, load, loadOf));
  return members.flatMap((own) => own.sort((a, b) => a - b));
}

/** The swap with the fullest rank that helps most. @returns false where none does */
function swapOnce(members: number[][], load: readonly number[], loadOf: (rank: number) => number): boolean {
  const loads = [...members.keys()].map(loadOf);
  const fullest = loads.indexOf(Math.max(...loads));
  let best = { most: loads[fullest]!, swap: undefined as (() => void) | undefined };
  members.forEach((others, rank) => {
    if (rank === fullest) return;
    members[fullest]!.forEach((mine, i) =>
      others.forEach((theirs, j) => {
        const moved = load[mine]! - load[theirs]!;
        const most = Math.max(loads[fullest]! - moved, loads[rank]! + moved);
        // A swap that gains nothing but rounding could go on for ever.
        if (most >= best.most - 1e-9 * loads[fullest]!) return;
        const swap = () => {
          members[fullest]![i] = theirs;
          others[j] = mine;
        };
        best = { most, swap };
      }),
    );
  });
  best.swap?.();
  return best.swap !== undefined;
}

/** Rows that leave their rank, and the rows that the fullest rank computes. */
export interface PlacedTraffic {
  rows: number;
  remoteRows: number;
  fullestRank: number;
}

/** What a placement makes of traffic (P, N). */
export function placedTraffic(traffic: readonly (readonly number[])[], placement: Placement): PlacedTraffic {
  const size = placement.length / traffic.length;
  const computed = new Array<number>(traffic.length).fill(0);
  let [rows, remoteRows] = [0, 0];
  placement.forEach((expert, place) => {
    const owner = Math.floor(place / size);
    traffic.forEach((row, rank) => {
      rows += row[expert]!;
      computed[owner]! += row[expert]!;
      if (rank !== owner) remoteRows += row[expert]!;
    });
  });
  return { rows, remoteRows, fullestRank: Math.max(...computed) };
}
