import type { Communicator } from '@scmoe/comm';
import type { Routing } from '@scmoe/gating';

/**
 * How uneven the experts of a stage are loaded, counted over the passes that were observed. With a capacity every expert has as
 * many rows, filled or not, so that there is nothing to count.
 */
export class ExpertLoad {
  private rows: Float32Array | undefined;

  /** Counts the rows that this rank sends to each expert. */
  add({ counts, capacity }: Routing): void {
    if (capacity > 0) return;
    const own = counts.dataSync();
    this.rows ??= new Float32Array(own.length);
    own.forEach((count, expert) => (this.rows![expert]! += count));
  }

  /**
   * Share of the rows that each expert of a rank gets, as `ChunkContext.expertShares`, of all ranks together; forgets them. A
   * collective: all ranks call it. Undefined where no rows were counted.
   */
  async shares(world: Communicator | undefined, expertsPerRank: number): Promise<readonly number[] | undefined> {
    const { rows } = this;
    this.rows = undefined;
    if (!rows) return undefined;
    const all = world && world.size > 1 ? await world.allGather(rows).done : rows;
    // What is counted at place l of rank r: rows of expert r * expertsPerRank + l, from all ranks.
    const most = new Array<number>(expertsPerRank).fill(0);
    for (let expert = 0; expert < rows.length; expert++) {
      let total = 0;
      for (let i = expert; i < all.length; i += rows.length) total += all[i]!;
      most[expert % expertsPerRank] = Math.max(most[expert % expertsPerRank]!, total);
    }
    const sum = most.reduce((total, count) => total + count, 0);
    return sum > 0 ? most.map((count) => count / sum) : undefined;
  }
}
