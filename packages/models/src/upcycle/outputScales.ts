import { ArgumentError, expectThat } from '@scmoe/errors';
import { type ResolvedBlock, type ResolvedPair } from '@scmoe/layer';

/** Factors on the output projection (and its bias) of the copies of an MLP. */
export interface OutputScales {
  /** Scale of every routed expert. */
  routed: number;
  /** Scale of the shared expert. */
  shared: number;
  /** The weights of the chosen experts sum to the same number for every token only while all scores are alike. */
  evenScores: boolean;
}

/**
 * How the outputs of copies of an MLP have to be scaled so that together they are what the MLP was, with mixing weights of
 * zero (a coefficient of 1/2 each):
 *
 * - `standard`: the experts' weights sum to 1, or, where they are not normalised, to topK times the score of an expert
 *   among equals: experts are divided by that sum.
 * - `shared`: shared and routed experts give one half each.
 * - `scmoe`: routed experts read another activation than the MLP did; they start at 0 and the shared expert gives all.
 *
 * @throws ArgumentError where no copies add up to the MLP.
 */
export function outputScales({ kind, connectivity, moe, ffnHidden }: ResolvedPair | ResolvedBlock): OutputScales {
  const regular = 'regular (in another one no block starts as the dense one; a trained model can be given it)';
  expectThat(connectivity === 'regular', 'connectivity', regular, connectivity);
  const { topK, numExperts, normalizeWeights, scoreFunction, routedScalingFactor, expertHidden, shared } = moe!;
  if (kind === 'dgmoe') {
    throw new ArgumentError(
      "moe.kind: expected one that can start as the dense model, got 'dgmoe': its experts add the MLP of another activation",
    );
  }
  expectThat(!moe!.postNorm, 'moe.postNorm', 'false (a norm would change what is added)', moe!.postNorm);
  expectThat(moe!.numZeroExperts === 0, 'moe.numZeroExperts', '0 (they would add their input)', moe!.numZeroExperts);
  expectThat(expertHidden === ffnHidden, 'moe.expertHidden', `the MLP's ${ffnHidden}`, expertHidden);
  if (shared) expectThat(shared.hidden === ffnHidden, 'moe.sharedHidden', `the MLP's ${ffnHidden}`, shared.hidden);
  if (kind === 'scmoe') return { routed: 0, shared: shared!.mix === 'add' ? 1 : 2, evenScores: false };

  const evenScores = !normalizeWeights;
  if (evenScores) {
    const gate = moe!.logits;
    expectThat(gate === 'linear', 'moe.normalizeWeights', `true with gate '${gate}'`, normalizeWeights);
  }
  const evenScore = scoreFunction === 'softmax' ? 1 / numExperts : 1 / 2;
  const sumOfWeights = routedScalingFactor * (normalizeWeights ? 1 : topK * evenScore);
  switch (shared?.mix) {
    case undefined:
      return { routed: 1 / sumOfWeights, shared: 0, evenScores };
    case 'add':
      return { routed: 1 / 2 / sumOfWeights, shared: 1 / 2, evenScores };
    case 'cg1':
      return { routed: 1 / 2 / sumOfWeights, shared: 1, evenScores };
    case 'cg2':
      return { routed: 1 / sumOfWeights, shared: 1, evenScores };
  }
}
