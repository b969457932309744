/** A kernel of Pillow's resampling, over distances in source pixels where the picture is not made smaller. */
export interface ResampleFilter {
  /** Distance beyond which it is 0. */
  support: number;
  at(x: number): number;
}

const sinc = (x: number): number => (x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI));

const box: ResampleFilter = { support: 0.5, at: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) };

const bilinear: ResampleFilter = { support: 1, at: (x) => Math.max(0, 1 - Math.abs(x)) };

const hamming: ResampleFilter = {
  support: 1,
  at(x) {
    const distance = Math.abs(x);
    if (distance === 0) return 1;
    if (distance >= 1) return 0;
    const angle = distance * Math.PI;
    return (Math.sin(angle) / angle) * (0.54 + 0.46 * Math.cos(angle));
  },
};

/** Keys' cubic with a = -0.5, as Pillow has it; many other programs take -0.75. */
const bicubic: ResampleFilter = {
  support: 2,
  at(x) {
    const a = -0.5;
    const d = Math.abs(x);
    if (d < 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
    if (d < 2) return (((d - 5) * d + 8) * d - 4) * a;
    return 0;
  },
};

const lanczos: ResampleFilter = { support: 3, at: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) };

/** How pixels are weighed when a picture changes its size: names of Pillow's filters. */
export type Resample = 'nearest' | 'lanczos' | 'bilinear' | 'bicubic' | 'box' | 'hamming';

/** Names in the order of Pillow's numbers, which `resample` in a preprocessor_config.json is one of. */
export const resampleNames: readonly Resample[] = ['nearest', 'lanczos', 'bilinear', 'bicubic', 'box', 'hamming'];

/** All that are sums over pixels; `nearest` takes one and has no kernel. */
export const resampleFilters: Record<Exclude<Resample, 'nearest'>, ResampleFilter> = {
  lanczos,
  bilinear,
  bicubic,
  box,
  hamming,
};
