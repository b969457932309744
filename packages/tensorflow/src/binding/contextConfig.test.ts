import { contextConfig } from './contextConfig.js';

// Tags are field * 8 + wire type, numbers of fields those of TensorFlow's config.proto: device_count 1,
// intra_op_parallelism_threads 2, gpu_options 6 (allow_growth 4, visible_device_list 5), allow_soft_placement 7.
describe('the configuration of TensorFlow', () => {
  it('lets memory of a GPU grow, takes the GPU that is asked for, and the threads', () => {
    const gpuOptions = [0x20, 1, 0x2a, 1, '3'.charCodeAt(0)];
    const expected = [0x10, 2, 0x32, gpuOptions.length, ...gpuOptions, 0x38, 1];
    expect(Array.from(contextConfig({ threads: 2, gpu: 3 }))).toEqual(expected);
  });

  it('counts no GPU where it is to stay on the CPU', () => {
    const entry = [0x0a, 3, ...Buffer.from('GPU'), 0x10, 0];
    expect(Array.from(contextConfig({ gpu: 'none' }))).toEqual([
      0x0a,
      entry.length,
      ...entry,
      0x32,
      2,
      0x20,
      1,
      0x38,
      1,
    ]);
  });
});
