import { expectThat } from '@scmoe/errors';
import type { ExpertShard, ParameterSpecs } from '@scmoe/layer';
import * as tf from '@tensorflow/tfjs';

import { Gpt } from '../gpt/Gpt.js';
import { resolveGpt, type GptConfig } from '../gpt/GptConfig.js';
import { gptSpecs } from '../gpt/gptSpecs.js';
import type { MoeConfig, Placement, ResolvedStages } from '../stages/resolveStages.js';
import { Vit } from '../vit/Vit.js';
import { resolveVit, type VitConfig } from '../vit/VitConfig.js';
import { vitSpecs } from '../vit/vitSpecs.js';
import { upcycledParameters, type ExpertSource } from './upcycledParameters.js';

/** Where the parameters start that a dense model has no counterpart of, and what experts are made of. */
export interface UpcycleOptions extends ExpertSource {
  /** Seed of the routers, and of what makes experts differ. */
  seed: number;
  /** Arrangement of the new model's blocks; the dense model's by default. */
  placement?: Placement;
  /** Which of the experts this rank holds. Default: all. */
  experts?: ExpertShard;
}

/**
 * A mixture-of-experts model made from a dense one, of language or vision (sparse upcycling, Komatsuzaki et al., arXiv
 * 2212.05055): every expert is a copy of the MLP that it replaces, routers are fresh, everything else is taken over. It starts
 * as the dense model: the same logits, and the same cross-entropy, as long as no token is dropped. For that copies are scaled
 * as outputScales.ts says; in ScMoE blocks, whose experts read another activation, the shared expert is the MLP and the
 * routed ones begin with an output of zero.
 *
 * With `noise` or `reinitialize` the copies differ from the start. With `channels` every expert has some of the MLP's hidden
 * channels, and a shared one those that all need (Read-ME, arXiv 2410.19123): smaller experts, and the dense model again only
 * where each has all channels, of its own or shared.
 *
 * The dense model stays as it is. The caller disposes both.
 *
 * @throws ArgumentError where the model has experts already, or the new kind can't start as the dense model.
 */
export function upcycle(dense: Gpt, moe: MoeConfig, options: UpcycleOptions): Gpt;
export function upcycle(dense: Vit, moe: MoeConfig, options: UpcycleOptions): Vit;
export function upcycle(
  dense: Gpt | Vit,
  moe: MoeConfig,
  { placement = dense.config.placement, experts, ...source }: UpcycleOptions,
): Gpt | Vit {
  const changed = { placement, moe };
  if (dense instanceof Vit) {
    const config: VitConfig = { ...dense.config, ...changed };
    const to = resolveVit(config);
    return build(dense.variables, [resolveVit(dense.config), to], vitSpecs(to, { experts }), source, (parameters) => {
      return new Vit(config, { parameters, experts });
    });
  }
  const config: GptConfig = { ...dense.config, ...changed };
  const to = resolveGpt(config);
  return build(dense.variables, [resolveGpt(dense.config), to], gptSpecs(to, { experts }), source, (parameters) => {
    return new Gpt(config, { parameters, experts });
  });
}

function build<Model extends Gpt | Vit>(
  variables: Record<string, tf.Variable>,
  [from, to]: [ResolvedStages, ResolvedStages],
  specs: ParameterSpecs,
  source: ExpertSource & { seed: number },
  create: (parameters: Record<string, tf.Tensor>) => Model,
): Model {
  const withExperts = from.stages.find(({ config }) => config.moe);
  expectThat(!withExperts, 'upcycle', 'a dense model', withExperts?.config.kind);
  const { noise = 0, reinitialize = 0 } = source;
  expectThat(Number.isFinite(noise) && noise >= 0, 'noise', 'a number of at least 0', noise);
  expectThat(reinitialize >= 0 && reinitialize <= 1, 'reinitialize', 'a share from 0 to 1', reinitialize);
  return tf.tidy(() => {
    const parameters = upcycledParameters({ variables, placement: from.placement }, to, specs, source);
    return create(parameters) as unknown as tf.TensorContainer;
  }) as unknown as Model;
}
