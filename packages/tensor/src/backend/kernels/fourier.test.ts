import { describeUnless } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { loadAddon } from '../../addon/loadAddon.js';
import { backendName, findAddon } from '../../index.js';

type Parts = [real: Float32Array, imaginary: Float32Array];

const partsOf = (z: tf.Tensor): Parts => [
  tf.real(z).dataSync<'float32'>().slice(),
  tf.imag(z).dataSync<'float32'>().slice(),
];

function onBackend<Result extends tf.TensorContainer>(backend: string, run: () => Result): Result {
  void tf.setBackend(backend);
  return tf.tidy(run);
}

const noise = (rows: number, columns: number) =>
  tf.complex(
    tf.randomNormal([rows, columns], 0, 1, 'float32', 1),
    tf.randomNormal([rows, columns], 0, 1, 'float32', 2),
  );

/** Largest difference, in parts of the largest number. */
function difference(actual: Parts, expected: Parts): number {
  let [worst, largest] = [0, 0];
  expected.forEach((part, p) =>
    part.forEach((value, i) => {
      worst = Math.max(worst, Math.abs(value - actual[p]![i]!));
      largest = Math.max(largest, Math.abs(value));
    }),
  );
  return worst / largest;
}

/** What the definition of the transform gives, in double precision. */
function definition([real, imaginary]: Parts): Parts {
  const n = real.length;
  const [cosines, sines] = [Math.cos, Math.sin].map((f) =>
    Float64Array.from(real, (_, i) => f((-2 * Math.PI * i) / n)),
  );
  const sums = (take: (j: number, turn: number) => number) =>
    Float32Array.from(real, (_, k) => {
      let sum = 0;
      for (let j = 0; j < n; j++) sum += take(j, (j * k) % n);
      return sum;
    });
  return [
    sums((j, turn) => real[j]! * cosines![turn]! - imaginary[j]! * sines![turn]!),
    sums((j, turn) => real[j]! * sines![turn]! + imaginary[j]! * cosines![turn]!),
  ];
}

/**
 * Numbers of numpy 2.4.6's `numpy.fft.fft`, by length: place, real and imaginary part. The input is
 * x = float32(sin(0.7 k) + 0.3 cos(1.9 k)) + i float32(cos(1.3 k)).
 */
const ofNumpy: Record<number, [place: number, real: number, imaginary: number][]> = {
  7: [
    ...([[0, 1.71592, 1.18374], [1, -3.36235, -1.27944], [2, 3.14516, 0.54842], [3, 0.56961, 0.68536]] as const), // prettier-ignore
    ...([[4, -0.15363, 0.99922], [5, -0.72996, 0.77184], [6, 0.91526, 4.09086]] as const), // prettier-ignore
  ].map((row) => [...row]),
  12: [[0, 1.8297, 1.06796], [1, 3.74348, -0.92109], [5, 0.15522, 0.84871], [6, -0.29928, 0.95613], [11, 5.40939, 3.08874]], // prettier-ignore
  16: [[0, 1.56108, 1.29618], [1, 1.67849, 2.56688], [7, 0.82955, 0.15353], [8, 0.59339, 0.33226], [15, 2.47757, 0.16718]], // prettier-ignore
  45: [[0, 0.16257, 1.29638], [1, 0.03025, 1.30696], [22, 0.39397, 0.30617], [44, 0.29432, 1.30224]], // prettier-ignore
  97: [[0, 1.67874, 0.32478], [1, 1.68277, 0.46673], [48, 0.39253, -0.13319], [96, 1.69107, 0.18442]], // prettier-ignore
  1009: [[0, 2.37608, -0.19782], [1, 2.3724, -0.20468], [504, -0.70265, 0.83654], [1008, 2.38018, -0.191]], // prettier-ignore
  1024: [[0, 0.08109, -0.32317], [1, 0.07972, -0.32854], [512, 0.13695, 0.44636], [1023, 0.08248, -0.31784]], // prettier-ignore
};

describeUnless(findAddon().problem, 'native Fourier transforms', () => {
  afterAll(() => tf.setBackend(backendName));

  it.each(Object.entries(ofNumpy))('of %s numbers are those of numpy', (length, expected) => {
    const k = Array.from({ length: Number(length) }, (_, i) => i);
    const x = k.map((i) => Math.sin(0.7 * i) + 0.3 * Math.cos(1.9 * i));
    const parts = onBackend(backendName, () => partsOf(tf.fft(tf.complex(x, k.map((i) => Math.cos(1.3 * i)))))); // prettier-ignore
    for (const [place, ...values] of expected)
      // Sums of n numbers of about 1, of which float32 keeps 24 bits.
      values.forEach((value, p) => expect(parts[p]![place]!).toBeCloseTo(value, 3));
  });

  it.each([1, 2, 3, 8, 12, 64, 97])('of rows of %i numbers, and back, are what tfjs-backend-cpu gives', (columns) => {
    for (const transform of [tf.fft, tf.ifft]) {
      const [expected, actual] = ['cpu', backendName].map((backend) =>
        onBackend(backend, () => partsOf(transform(noise(19, columns)))),
      ) as [Parts, Parts];
      expect(difference(actual, expected)).toBeLessThan(1e-6);
    }
  });

  it.each([1009, 1536])('of %i numbers are within rounding of the definition', (columns) => {
    const [x, y] = onBackend(backendName, () => {
      const z = noise(1, columns);
      return [partsOf(z), partsOf(tf.fft(z))];
    });
    expect(difference(y, definition(x))).toBeLessThan(1e-6);
  });

  it('of real numbers come back from their half', () => {
    const [x, y] = onBackend(backendName, () => {
      const real = tf.randomNormal<tf.Rank.R2>([6, 30], 0, 1, 'float32', 3);
      return [real.dataSync<'float32'>(), tf.irfft(tf.rfft(real)).dataSync<'float32'>()];
    });
    x.forEach((value, i) => expect(y[i]).toBeCloseTo(value, 5));
  });

  it('have the same bits on any number of threads, and leave nothing behind', () => {
    void tf.setBackend(backendName);
    const threads = loadAddon().getThreads();
    const held = tf.backend().numDataIds();
    const results = [1, 3].map((count) => {
      loadAddon().setThreads({ count });
      return tf.tidy(() => partsOf(tf.fft(noise(70, 40))));
    });
    loadAddon().setThreads({ count: threads });
    expect(results[1]).toEqual(results[0]);
    expect(tf.backend().numDataIds()).toBe(held);
  });
});
