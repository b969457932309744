import { gptCosts } from './gptCosts.js';
import { resolveGpt, type GptConfig } from './GptConfig.js';

const gpt2: GptConfig = {
  vocabSize: 50257,
  numLayers: 12,
  dModel: 768,
  numHeads: 12,
  sequenceLength: 1024,
  activation: 'gelu_tanh',
};

describe('gptCosts', () => {
  it('counts the 124,439,808 parameters of GPT-2, all of them active', () => {
    const { numParameters, numActiveParameters } = gptCosts(resolveGpt(gpt2));
    expect(numParameters).toBe(124_439_808);
    expect(numActiveParameters).toBe(numParameters);
  });

  it('counts topK of the routed experts as active', () => {
    const top1 = { ...gpt2, moe: { kind: 'top1', numExperts: 8 } } as const;
    const { numParameters, numActiveParameters } = gptCosts(resolveGpt(top1));
    const expert = 2 * 768 * 3072 + 3072 + 768;
    expect(numParameters - numActiveParameters).toBe(6 * 7 * expert);
    // Beside the dense model: a router in every second block.
    expect(numActiveParameters - gptCosts(resolveGpt(gpt2)).numParameters).toBe(6 * 768 * 8);
  });

  it('counts both choices of a token as active in DGMoE', () => {
    const dgmoe = { ...gpt2, moe: { kind: 'dgmoe', numExperts: 8 } } as const;
    const { numParameters, numActiveParameters } = gptCosts(resolveGpt(dgmoe));
    const expert = 2 * 768 * 3072 + 3072 + 768;
    expect(numParameters - numActiveParameters).toBe(6 * (8 - 2) * expert);
  });

  it('computes with the tied embedding, but not with positions nor with an embedding of its own', () => {
    const attention = 12 * 12 * 768 * 1024;
    const flops = (config: GptConfig) => gptCosts(resolveGpt(config)).flopsPerToken;
    expect(flops(gpt2)).toBe(6 * (124_439_808 - 1024 * 768) + attention);
    expect(flops({ ...gpt2, tiedEmbeddings: false })).toBe(flops(gpt2));
  });
});
