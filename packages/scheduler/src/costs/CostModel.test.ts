import { CostModel, type CostKey } from './CostModel.js';

const key: CostKey = { machine: 'laptop', shape: '512x64', direction: 'forward' };
const options = { warmupSteps: 2, driftSamples: 3, windowSize: 7 };

function fill(model: CostModel, times: number[], operator = 'expert') {
  return times.map((time) => model.record(key, operator, time));
}

describe('CostModel', () => {
  it('does not keep the first measurements and gives the median of the others', () => {
    const model = new CostModel(options);
    expect(fill(model, [100, 50])).toEqual(['warmup', 'warmup']);
    expect(model.costOf(key, 'expert')).toBeUndefined();
    expect(fill(model, [3, 1, 2, 90])).toEqual(['kept', 'kept', 'kept', 'kept']);
    expect(model.costOf(key, 'expert')).toBe(2.5);
  });

  it('keeps machines, shapes and directions apart', () => {
    const model = new CostModel({ ...options, warmupSteps: 0 });
    model.record(key, 'expert', 1);
    model.record({ ...key, machine: 'server' }, 'expert', 2);
    model.record({ ...key, shape: '1024x64' }, 'expert', 3);
    model.record({ ...key, direction: 'backward' }, 'expert', 4);
    expect(model.costOf(key, 'expert')).toBe(1);
    expect(model.costOf({ ...key, direction: 'backward' }, 'expert')).toBe(4);
  });

  it('gives costs for a plan only when every operator has one', () => {
    const model = new CostModel({ ...options, warmupSteps: 0 });
    model.record(key, 'expert', 1);
    expect(model.costs(key, ['expert', 'gate'])).toBeUndefined();
    model.record(key, 'gate', 2);
    expect(model.costs(key, ['expert', 'gate'])).toEqual({ expert: 1, gate: 2 });
  });

  it('forgets what no longer holds once several in a row are off, and says so', () => {
    const model = new CostModel({ ...options, warmupSteps: 0 });
    fill(model, [10, 10, 11, 9, 10]);
    expect(fill(model, [20, 21])).toEqual(['kept', 'kept']);
    expect(model.generation(key)).toBe(0);
    expect(fill(model, [22])).toEqual(['drifted']);
    expect(model.generation(key)).toBe(1);
    expect(model.costOf(key, 'expert')).toBe(21);
  });

  it('takes a single odd time, and times odd to both sides, for noise', () => {
    const model = new CostModel({ ...options, warmupSteps: 0 });
    expect(fill(model, [10, 10, 10, 99, 10, 20, 5, 20, 5])).not.toContain('drifted');
    expect(model.generation(key)).toBe(0);
  });

  it('knows the age of what it has, by the clock it is given', () => {
    let now = 1000;
    const model = new CostModel({ ...options, now: () => now });
    expect(model.ageMs(key, 'expert')).toBe(Infinity);
    fill(model, [1]);
    now = 1250;
    expect(model.ageMs(key, 'expert')).toBe(250);
  });

  it('goes on from its JSON as it would have gone on itself', () => {
    const model = new CostModel({ ...options, now: () => 7 });
    fill(model, [9, 9, 1, 2, 3, 8, 8, 8, 8]);
    const copy = CostModel.fromJSON(JSON.parse(JSON.stringify(model)), { ...options, now: () => 7 });
    expect(copy.toJSON()).toEqual(model.toJSON());
    expect(fill(copy, [8, 2])).toEqual(fill(model, [8, 2]));
    expect(copy.costOf(key, 'expert')).toBe(model.costOf(key, 'expert'));
    expect(copy.generation(key)).toBe(1);
  });

  it.each([
    [null, /expected scmoe-costs 1, got undefined undefined/],
    [{ format: 'scmoe-costs', version: 2 }, /got "scmoe-costs" 2/],
    [{ format: 'scmoe-costs', version: 1 }, /series: expected a list, got undefined/],
    [{ format: 'scmoe-costs', version: 1, series: [{ id: 7 }] }, /not a series: \{"id":7\}/],
    [
      { format: 'scmoe-costs', version: 1, series: [{ id: 'x', seen: 1, lastMs: 0, samples: [-1] }] },
      /time of x: expected a number >= 0/,
    ],
  ])('does not read %j', (content, message) => {
    expect(() => CostModel.fromJSON(content)).toThrow(message);
  });

  it('rejects times and options that make no sense', () => {
    expect(() => new CostModel().record(key, 'expert', -1)).toThrow(/time of 'expert' in ms: .* got -1/);
    expect(() => new CostModel({ windowSize: 3 })).toThrow(/windowSize: expected a whole number of at least 10, got 3/);
    expect(() => new CostModel({ driftTolerance: -1 })).toThrow(/driftTolerance: expected a number from 0 to 100/);
  });
});
