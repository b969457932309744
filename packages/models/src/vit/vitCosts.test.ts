import { resolveVit, type VitConfig } from './VitConfig.js';
import { vitCosts } from './vitCosts.js';

const base: VitConfig = {
  imageSize: 224,
  patchSize: 16,
  numClasses: 1000,
  numLayers: 12,
  dModel: 768,
  numHeads: 12,
};

describe('vitCosts', () => {
  it('counts the 86,567,656 parameters of ViT-B/16, all of them active', () => {
    const { numParameters, numActiveParameters } = vitCosts(resolveVit(base));
    expect(numParameters).toBe(86_567_656);
    expect(numActiveParameters).toBe(numParameters);
  });

  it('counts topK of the routed experts as active', () => {
    const moe = { kind: 'top2', numExperts: 8, blocks: [9, 11] } as const;
    const { numParameters, numActiveParameters } = vitCosts(resolveVit({ ...base, moe }));
    const expert = 2 * 768 * 3072 + 3072 + 768;
    expect(numParameters - numActiveParameters).toBe(2 * 6 * expert);
    // Beside the dense model: a router and a second expert in two blocks.
    expect(numActiveParameters - 86_567_656).toBe(2 * (768 * 8 + expert));
  });

  it('multiplies patches in the projection, tokens in the blocks and one state in the head', () => {
    const { flopsPerImage } = vitCosts(resolveVit(base));
    const projection = 196 * (768 * 768 + 768);
    const block = 2 * 2 * 768 + 4 * (768 * 768 + 768) + 2 * 768 * 3072 + 3072 + 768;
    const head = 768 * 1000 + 1000;
    expect(flopsPerImage).toBe(6 * (projection + 197 * 12 * block + head) + 12 * 12 * 768 * 197 ** 2);
  });

  it('multiplies each place of a convolution', () => {
    const { flopsPerImage, numParameters } = vitCosts(resolveVit({ ...base, stem: 'convolutions', patchSize: 4 }));
    const patches = vitCosts(resolveVit({ ...base, patchSize: 4 }));
    const norms = 2 * 384 + 2 * 768;
    const convolutions = [27 * 384 + 384, 9 * 384 * 768 + 768] as const;
    const projections = 768 * 768 - 48 * 768;
    expect(numParameters - patches.numParameters).toBe(convolutions[0] + convolutions[1] + norms + projections);
    const places = (convolutions[0] + 2 * 384) * 112 ** 2 + (convolutions[1] + 2 * 768 + projections) * 56 ** 2;
    expect(flopsPerImage - patches.flopsPerImage).toBe(6 * places);
  });
});
