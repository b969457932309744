import { hurryUp, newHurry, Pace } from './Pace.js';

describe('the pace of a thread beside training', () => {
  let now: number;
  let rests: number[];
  const clock = { now: () => now, wait: (_: Int32Array, ms: number) => void (rests.push(ms), (now += ms)) };
  beforeEach(() => ([now, rests] = [100, []]));

  it('rests fifteen times as long as it has worked', () => {
    const pace = new Pace(newHurry(), clock);
    for (const worked of [1, 2, 3]) {
      now += worked;
      pace.rest();
    }
    expect(rests).toEqual([15, 30, 45]);
  });

  it('gathers work of less than a millisecond', () => {
    const pace = new Pace(newHurry(), clock);
    for (let i = 0; i < 8; i++) {
      now += 0.25;
      pace.rest();
    }
    expect(rests).toEqual([15, 15]);
  });

  it('rests 50 ms at most, however long a disk or a busy machine kept it', () => {
    const pace = new Pace(newHurry(), clock);
    now += 2000;
    pace.rest();
    expect(rests).toEqual([50]);
  });

  it('rests no more once somebody waits', () => {
    const hurry = newHurry();
    const pace = new Pace(hurry, clock);
    expect(pace.isHurried).toBe(false);
    hurryUp(hurry);
    now += 2;
    pace.rest();
    expect(rests).toEqual([]);
    expect(pace.isHurried).toBe(true);
  });
});
