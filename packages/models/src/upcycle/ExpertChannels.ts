import { expectThat } from '@scmoe/errors';
import type { ResolvedBlock, ResolvedPair } from '@scmoe/layer';

import type { OutputScales } from './outputScales.js';

/** Hidden channels of an MLP, counted from 0, that its experts have in place of all. */
export interface ExpertChannels {
  /** Those of each expert, as many for each. */
  experts: readonly (readonly number[])[];
  /** Those of the shared expert; none without one. */
  shared?: readonly number[];
}

/**
 * How the outputs of channels of an MLP are scaled: not at all. The weights of the chosen experts sum to 1, and the shared
 * expert adds what it has: a token gets the shared channels, and a weighted mean of its experts' (Read-ME, arXiv 2410.19123).
 *
 * @throws ArgumentError where the experts are not of that kind, or the channels are not those of this MLP
 */
export function channelScales(
  { kind, moe, ffnHidden }: ResolvedPair | ResolvedBlock,
  { experts, shared }: ExpertChannels,
): OutputScales {
  const { numExperts, normalizeWeights, routedScalingFactor, expertHidden } = moe!;
  const [expected, mix] = shared ? ['shared', moe!.shared?.mix] : ['standard', undefined];
  expectThat(
    kind === expected,
    'moe.kind',
    `'${expected}', for channels ${shared ? 'with' : 'without'} shared ones`,
    kind,
  );
  if (shared) expectThat(mix === 'add', 'moe.mix', "'add', for shared channels", mix);
  expectThat(normalizeWeights, 'moe.normalizeWeights', 'true, for channels', normalizeWeights);
  expectThat(!moe!.postNorm, 'moe.postNorm', 'false (a norm would change what is added)', moe!.postNorm);
  expectThat(moe!.numZeroExperts === 0, 'moe.numZeroExperts', '0 (they would add their input)', moe!.numZeroExperts);
  expectThat(experts.length === numExperts, 'channels', `those of ${numExperts} experts`, experts.length);
  experts.forEach((own, e) => expectChannels(`channels.experts[${e}]`, own, { count: expertHidden, of: ffnHidden }));
  if (shared) expectChannels('channels.shared', shared, { count: moe!.shared!.hidden, of: ffnHidden });
  return { routed: 1 / routedScalingFactor, shared: 1, evenScores: false };
}

function expectChannels(name: string, own: readonly number[], { count, of }: { count: number; of: number }): void {
  expectThat(own.length === count, name, `${count} channels, the width of the expert`, own.length);
  const odd = own.find(
    (channel, i) => !Number.isInteger(channel) || channel < 0 || channel >= of || own.indexOf(channel) < i,
  );
  expectThat(odd === undefined, name, `channels of the MLP, 0 to ${of - 1}, each once`, odd);
}
