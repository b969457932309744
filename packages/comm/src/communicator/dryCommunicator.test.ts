import * as tf from '@tensorflow/tfjs';

import { dryCommunicator } from '../index.js';

describe('a communicator of ranks that are not there', () => {
  const rank1 = dryCommunicator({ rank: 1, size: 3 });

  it('gives at once what has the right length, and exchanges nothing', async () => {
    expect([rank1.rank, rank1.size]).toEqual([1, 3]);
    expect(rank1.allToAll(Int32Array.of(1, 2, 3)).wait()).toEqual(Int32Array.of(1, 2, 3));
    const counts = { sendCounts: [1, 0, 1], recvCounts: [0, 2, 3] };
    const rows = rank1.allToAllV(tf.ones([2, 4]), counts).wait();
    expect(rows.shape).toEqual([5, 4]);
    expect((await rank1.allGather(tf.ones([2])).done).shape).toEqual([6]);
    await rank1.barrier().done;
    rows.dispose();
  });

  it('forms groups, and refuses what any communicator refuses', async () => {
    expect(() => rank1.allToAll(Int32Array.of(1, 2))).toThrow(/divide|divisible|multiple|size|ranks/);
    expect(() => dryCommunicator({ rank: 3, size: 3 })).toThrow(/^rank: expected a rank of 3, got 3$/);
    await rank1.close();
  });
});
