import type { ResolvedRouter } from './routerOptions.js';

/** Shape and starting point of one parameter. */
export interface RouterParameterSpec {
  shape: number[];
  initial: 'zeros' | 'ones' | 'normal';
}

/** Numbers of random streams that the noise and the jitter of one routing take, from `RouteContext.stream` on. */
export const routerStreams = 2;

/**
 * The parameters of a router for tokens of width d, by name: `weight` (d, M) of a linear gate, with a `bias` (M) or none; `projection.weight`
 * (d, w), `projection.bias` (w), `similarity` (w, M) and `temperature` (1) of a cosine gate; `noise` (d, M) of a noisy
 * one, which starts at zero: noise of size softplus(0) = 0.69 for every expert; `correctionBias` (M). M counts all
 * experts, also those that compute nothing.
 */
export function routerSpecs(d: number, router: ResolvedRouter): Record<string, RouterParameterSpec> {
  const { logits: gate, cosineWidth, noisy, logitBias, correctionBias, numExperts, numZeroExperts } = router;
  const all = numExperts + numZeroExperts;
  return {
    ...(gate === 'linear'
      ? {
          weight: { shape: [d, all], initial: 'normal' },
          ...(logitBias && { bias: { shape: [all], initial: 'zeros' } }),
        }
      : {
          'projection.weight': { shape: [d, cosineWidth], initial: 'normal' },
          'projection.bias': { shape: [cosineWidth], initial: 'zeros' },
          similarity: { shape: [cosineWidth, all], initial: 'normal' },
          temperature: { shape: [1], initial: 'ones' },
        }),
    ...(noisy && { noise: { shape: [d, all], initial: 'zeros' } }),
    ...(correctionBias && { correctionBias: { shape: [all], initial: 'zeros' } }),
  };
}

/**
 * Whether a parameter, by the name it has in `routerSpecs` or in a model, is state that no gradient trains: the
 * correction bias, which `updateCorrectionBias` changes.
 */
export function isRouterBuffer(name: string): boolean {
  return name === 'correctionBias' || name.endsWith('.correctionBias');
}
