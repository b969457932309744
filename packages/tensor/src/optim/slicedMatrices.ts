import type * as tf from '@tensorflow/tfjs';

/** What is here of as many matrices of one shape. */
export interface MatrixSlices {
  /** The variable that they are of, and its name. */
  name: string;
  variable: tf.Variable;
  /** (matrices, m, n): a slice of the rows or of the columns of each. */
  values: tf.Tensor3D;
}

/** Matrices of which other processes hold the other slices: `Muon` asks for their directions, which need the whole of each. */
export interface SlicedMatrices {
  /** Slices of a matrix at most: a round of as many matrices has work for every process. */
  readonly size: number;
  /** The shape of the variable that the one here is a slice of; undefined for a variable that is whole. */
  wholeShape(name: string, variable: tf.Variable): readonly number[] | undefined;
  /**
   * The slices here of `orthogonalize` of each whole matrix, in the order and the shapes of `slices`. Every process calls it, of
   * the same variables in the same order.
   */
  orthogonalize(slices: readonly MatrixSlices[]): tf.Tensor3D[];
}

/** A run of the matrices of a variable, by its place among those that are sliced. */
export interface SliceRun {
  place: number;
  first: number;
  count: number;
}

/**
 * Cuts variables into rounds, each of whole matrices in their order: as many as `values` numbers of their slices hold, and at
 * least `size` of them, so that what a round takes has the size of a tile or of one whole matrix, whatever the variables are.
 */
export function roundsOf(
  shapes: readonly (readonly number[])[],
  { values, size }: { values: number; size: number },
): SliceRun[][] {
  const rounds: SliceRun[][] = [];
  let [numbers, matrices] = [0, size];
  shapes.forEach((shape, place) => {
    const [m, n] = shape.slice(-2) as [number, number];
    const total = shape.slice(0, -2).reduce((product, extent) => product * extent, 1);
    for (let first = 0; first < total; first++) {
      if (matrices >= size && numbers + m * n > values) {
        rounds.push([]);
        [numbers, matrices] = [0, 0];
      }
      const round = (rounds.length === 0 ? rounds[rounds.push([]) - 1] : rounds.at(-1))!;
      const run = round.at(-1);
      if (run?.place === place) run.count++;
      else round.push({ place, first, count: 1 });
      numbers += m * n;
      matrices++;
    }
  });
  return rounds;
}
