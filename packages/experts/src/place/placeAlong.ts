import { RandomStream } from '@scmoe/tensor';

import { assign } from './assign.js';
import type { Placement } from './placements.js';

/** Tries of each kind of start. */
const restarts = 8;

/** What goes from an expert of one layer to one of the next: (N, N) for each pair of layers. */
type Affinities = readonly (readonly (readonly number[])[])[];

/**
 * Placements of all layers that keep tokens on their rank from layer to layer (ExFlow, arXiv 2401.08383). Half of the starts are
 * greedy: a first layer, then every next one by the assignment problem that it is while those before it stay; half are random. Pairs are swapped within
 * layers as long as it helps, and one sweep of exact assignments ends it. The best of several starts; never worse than the order
 * that there is.
 *
 * @param affinities one fewer than layers
 * @param numExperts N of each layer
 * @param groups divides N
 */
export function placeAlong(affinities: Affinities, numExperts: number, groups: number, { seed = 1 } = {}): Placement[] {
  const random = new RandomStream({ seed });
  const asItIs = Array.from({ length: numExperts }, (_, expert) => expert);
  const unchanged = Array.from({ length: affinities.length + 1 }, () => asItIs);
  let best = { placements: unchanged, kept: keptAlong(affinities, unchanged, groups) };
  for (let restart = 0; restart < 2 * restarts; restart++) {
    const first = restart === 0 ? asItIs : random.shuffle([...asItIs]);
    const others = affinities.map(() => (restart < restarts ? undefined : random.shuffle([...asItIs])));
    const state = new Layers(affinities, groups, [first, ...others]);
    state.swap();
    state.reassign();
    const placements = state.placements();
    const kept = keptAlong(affinities, placements, groups);
    if (kept > best.kept * (1 + 1e-12)) best = { placements, kept };
  }
  return best.placements;
}

/** What stays on its rank from layer to layer. */
export function keptAlong(affinities: Affinities, placements: readonly Placement[], groups: number): number {
  const groupOf = placements.map((placement) => groupsOf(placement, groups));
  return affinities.reduce(
    (sum, counts, l) =>
      sum +
      counts.reduce(
        (own, row, i) => own + row.reduce((s, n, p) => s + (groupOf[l]![i] === groupOf[l + 1]![p] ? n : 0), 0),
        0,
      ),
    0,
  );
}

function groupsOf(placement: Placement, groups: number): number[] {
  const size = placement.length / groups;
  const found = new Array<number>(placement.length);
  placement.forEach((expert, place) => (found[expert] = Math.floor(place / size)));
  return found;
}

/** Experts of all layers in groups, which moves make better. */
class Layers {
  /** The group of each expert, layer by layer. */
  private readonly groupOf: number[][];
  private readonly numExperts: number;
  private readonly least: number;

  constructor(
    private readonly affinities: Affinities,
    private readonly groups: number,
    starts: readonly (Placement | undefined)[],
  ) {
    this.numExperts = starts[0]!.length;
    this.groupOf = [];
    for (const [layer, start] of starts.entries())
      this.groupOf[layer] = start ? groupsOf(start, groups) : this.assigned(layer);
    this.least = 1e-9 * Math.max(1e-30, ...affinities.flat(2));
  }

  swap(): void {
    for (let gained = true; gained;) {
      gained = false;
      this.groupOf.forEach((own, layer) => {
        // Swaps within a layer do not change what its experts have from the layers beside it.
        const gains = this.gains(layer);
        for (let i = 0; i < own.length; i++)
          for (let j = i + 1; j < own.length; j++) {
            const [a, b] = [own[i]!, own[j]!];
            if (a === b) continue;
            const gain = gains[i]![b]! + gains[j]![a]! - gains[i]![a]! - gains[j]![b]!;
            // A swap that gains nothing but rounding could go on for ever.
            if (gain <= this.least) continue;
            [own[i], own[j]] = [b, a];
            gained = true;
          }
      });
    }
  }

  /** One exact assignment of every layer, each while the others stay: none makes it worse. */
  reassign(): void {
    this.groupOf.forEach((_, layer) => (this.groupOf[layer] = this.assigned(layer)));
  }

  placements(): Placement[] {
    return this.groupOf.map((own) => {
      const members = Array.from({ length: this.groups }, (): number[] => []);
      own.forEach((group, expert) => members[group]!.push(expert));
      return members.flat();
    });
  }

  private assigned(layer: number): number[] {
    const gains = this.gains(layer);
    const size = this.numExperts / this.groups;
    const values = gains.map((own) => Array.from({ length: this.numExperts }, (_, p) => own[Math.floor(p / size)]!));
    return assign(values).map((place) => Math.floor(place / size));
  }

  /** (N, groups): what an expert would keep on each rank. */
  private gains(layer: number): number[][] {
    const [before, after] = [this.affinities[layer - 1], this.affinities[layer]];
    const gains = Array.from({ length: this.numExperts }, () => new Array<number>(this.groups).fill(0));
    // Not there yet while layers are placed the first time.
    const next = this.groupOf[layer + 1];
    before?.forEach((row, p) => row.forEach((count, i) => (gains[i]![this.groupOf[layer - 1]![p]!]! += count)));
    if (next) after?.forEach((row, i) => row.forEach((count, p) => (gains[i]![next[p]!]! += count)));
    return gains;
  }
}
