import { isRouterBuffer, resolveRouter, routerSpecs } from '../index.js';

describe('routerSpecs', () => {
  it('has a column for every expert, those that compute nothing as well', () => {
    const specs = routerSpecs(
      16,
      resolveRouter({ numExperts: 6, numZeroExperts: 2, noisy: true, correctionBias: true }),
    );
    expect(specs).toEqual({
      weight: { shape: [16, 8], initial: 'normal' },
      noise: { shape: [16, 8], initial: 'zeros' },
      correctionBias: { shape: [8], initial: 'zeros' },
    });
  });

  it('has a number for every expert with biases of the logits', () => {
    expect(routerSpecs(16, resolveRouter({ numExperts: 6, logitBias: true }))).toMatchObject({
      bias: { shape: [6], initial: 'zeros' },
    });
  });

  it('has a projection, a vector for every expert and a temperature for a cosine gate', () => {
    expect(routerSpecs(16, resolveRouter({ numExperts: 6, logits: 'cosine', cosineWidth: 4 }))).toEqual({
      'projection.weight': { shape: [16, 4], initial: 'normal' },
      'projection.bias': { shape: [4], initial: 'zeros' },
      similarity: { shape: [4, 6], initial: 'normal' },
      temperature: { shape: [1], initial: 'ones' },
    });
  });
});

it('tells the correction bias, under any prefix, from what a gradient trains', () => {
  const names = ['correctionBias', 'block0.router.correctionBias', 'router.weight', 'myCorrectionBias', 'noise'];
  expect(names.filter(isRouterBuffer)).toEqual(['correctionBias', 'block0.router.correctionBias']);
});
