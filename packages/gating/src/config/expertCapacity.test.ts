import { itMatchesReference } from '@scmoe/testing';

import { expertCapacity, type CapacityOptions } from '../index.js';

const base = { numTokens: 24, topK: 2, numExperts: 4 };

describe('expertCapacity', () => {
  it('rounds an even share times the factor up', () => {
    expect(expertCapacity({ ...base, capacityFactor: 1 })).toBe(12);
    expect(expertCapacity({ ...base, capacityFactor: 1.04 })).toBe(13);
    expect(expertCapacity({ ...base, numTokens: 1, topK: 1, capacityFactor: 1 })).toBe(1);
  });

  it('is 0, dropless, for a factor of 0', () => expect(expertCapacity({ ...base, capacityFactor: 0 })).toBe(0));

  it('is at least minCapacity', () => {
    expect(expertCapacity({ ...base, capacityFactor: 0.1, minCapacity: 4 })).toBe(4);
    expect(expertCapacity({ ...base, numTokens: 0, capacityFactor: 1 })).toBe(1);
  });

  it('names what is out of range', () => {
    expect(() => expertCapacity({ ...base, capacityFactor: -1 })).toThrow(
      'capacityFactor: expected a number >= 0, got -1',
    );
    expect(() => expertCapacity({ ...base, capacityFactor: NaN })).toThrow(
      'capacityFactor: expected a number >= 0, got NaN',
    );
    expect(() => expertCapacity({ ...base, capacityFactor: 1, minCapacity: 0.5 })).toThrow(
      'minCapacity: expected an integer >= 0, got 0.5',
    );
  });

  it('refuses a factor that leaves no slot', () => {
    expect(() => expertCapacity({ ...base, numTokens: 1, capacityFactor: Number.MIN_VALUE, minCapacity: 0 })).toThrow(
      'minCapacity: expected an integer > 0 where capacityFactor 5e-324 leaves no slot for 1 tokens, got 0',
    );
  });

  itMatchesReference('matches the reference values', 'capacity', ({ config, tensors }) => {
    const numTokens = tensors['buffer.experts']!.shape[0];
    const capacity = expertCapacity({ ...(config as Omit<CapacityOptions, 'numTokens'>), numTokens });
    expect(capacity).toBe(tensors['output.capacity']!.dataSync()[0]);
  });
});
