import { chooseEngine, whyNotNccl } from './chooseEngine.js';
import type { EngineOffer } from './EngineOffer.js';

const gpu = (uuid: string, version = '2.30.7') => ({ device: 0, uuid, version });
const offer = (wish: EngineOffer['wish'], nccl: EngineOffer['nccl'], gloo?: string): EngineOffer => ({
  wish,
  nccl,
  gloo: { problem: gloo },
});
const none = { problem: 'no CUDA driver' };

describe('the engine of a group', () => {
  it.each<[string, EngineOffer[], string, string | undefined]>([
    ['nccl with a GPU each', [offer('auto', gpu('a')), offer('auto', gpu('b'))], 'nccl', undefined],
    ['gloo where one rank has none', [offer('auto', gpu('a')), offer('auto', none)], 'gloo', 'rank 1: no CUDA driver'],
    [
      'gloo where two would share one',
      [offer('auto', gpu('a')), offer('auto', gpu('a'))],
      'gloo',
      'ranks 0 and 1 would share the GPU a',
    ],
    [
      'gloo where versions differ',
      [offer('auto', gpu('a')), offer('auto', gpu('b', '2.29.1'))],
      'gloo',
      'rank 0 has NCCL 2.30.7, rank 1 has 2.29.1',
    ],
  ])('is %s, on auto', (_, offers, engine, reason) => {
    expect(chooseEngine(offers)).toBe(engine);
    expect(whyNotNccl(offers)).toBe(reason);
  });

  it('is what one rank asks for where the others leave it open', () => {
    expect(chooseEngine([offer('auto', gpu('a')), offer('gloo', none)])).toBe('gloo');
    // NCCL itself has the last word on a shared GPU: it can be told to allow it.
    expect(chooseEngine([offer('auto', gpu('a')), offer('nccl', gpu('a'))])).toBe('nccl');
  });

  it('is an error that names the ranks that are in the way', () => {
    const all = [offer('nccl', gpu('a')), offer('auto', none), offer('auto', none)];
    expect(() => chooseEngine(all)).toThrow("The nccl engine can't be used on rank 1 (and on 1 more): no CUDA driver");
    expect(() => chooseEngine([offer('nccl', gpu('a')), offer('auto', gpu('b', '2.29.1'))])).toThrow(
      "The nccl engine can't be used: rank 0 has NCCL 2.30.7, rank 1 has 2.29.1",
    );
    expect(() => chooseEngine([offer('auto', none), offer('auto', none, 'no gloo addon')])).toThrow(
      "The gloo engine can't be used on rank 1: no gloo addon",
    );
  });
});
