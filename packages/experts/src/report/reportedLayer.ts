import type { ExpertStatistics } from '../measure/ExpertStatistics.js';
import { meanOf } from '../measure/ExpertStatistics.js';
import type { ReportedLayer } from './ExpertReport.js';
import { specialTokens } from './specialTokens.js';

/** An expert with less than this of an even load is as good as dead. */
const deadShare = 0.01;

/** What a report says of a layer. */
export function reportedLayer(
  statistics: ExpertStatistics,
  { similarity, decode }: { similarity: number[][]; decode: (id: number) => string },
): ReportedLayer {
  const { layer, topK, tokens, load, kept, weights, norms, numExperts, coChoices, scoreEntropy } = statistics;
  const total = load.reduce((sum, count) => sum + count, 0);
  const even = total / load.length;
  const shares = load.map((count) => (even > 0 ? count / even : 0));
  const [meanWeights, meanNorms] = [meanOf(weights, kept), meanOf(norms, kept)];
  const special = specialTokens(statistics.tokenCounts);
  const ofExperts = load.slice(0, numExperts).reduce((sum, count) => sum + count, 0);
  return {
    layer,
    topK,
    tokens,
    experts: load.map((count, id) => {
      const isZero = id >= numExperts;
      return {
        id,
        isZero,
        load: count,
        share: shares[id]!,
        dropped: isZero || count === 0 ? 0 : 1 - kept[id]! / count,
        weight: meanWeights[id] ?? 0,
        norm: meanNorms[id] ?? 0,
        isDead: shares[id]! < deadShare,
        tokens: special[id]!.map((token) => ({ ...token, text: decode(token.id) })),
      };
    }),
    worstLoad: Math.max(...shares),
    dropped: ofExperts > 0 ? 1 - kept.reduce((sum, count) => sum + count, 0) / ofExperts : 0,
    loadEntropy: entropyOf(load),
    scoreEntropy,
    coChoices: coChoices.map((row, i) => row.map((both, j) => (i === j || load[i] === 0 ? 0 : both / load[i]!))),
    similarity,
  };
}

function entropyOf(load: readonly number[]): number {
  const total = load.reduce((sum, count) => sum + count, 0);
  if (total === 0 || load.length === 1) return 1;
  const entropy = load.reduce((sum, n) => (n > 0 ? sum - (n / total) * Math.log(n / total) : sum), 0);
  return entropy / Math.log(load.length);
}
