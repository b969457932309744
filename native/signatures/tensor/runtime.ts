export const runtime = {
  /** Empty, or which instruction sets the kernels use that this CPU lacks. */
  cpuProblem: { '=>': 'text' },
  /** Has oneDNN use no more than some instruction sets, in its own words; before anything else is asked of it. */
  holdOneDnn: { isa: 'text' },
  /** Empty, or why nothing here makes products: neither oneDNN nor kernels of our own. */
  gemmProblem: { '=>': 'text' },
  /** Who makes the float32 products, e.g. "oneDNN 2.6.3", "AVX2" or "NEON". */
  gemmName: { '=>': 'text' },
  /** Empty where there is none. */
  oneDnnVersion: { '=>': 'text' },
  hasBf16: { '=>': 'boolean' },
  setBf16: { on: 'boolean' },
  /** Whether products are in bf16 now. */
  getBf16: { '=>': 'boolean' },
  /** More threads than this no machine has, and OpenMP ends the process where the system gives it too few. */
  setThreads: { count: 'size 1..1024' },
  getThreads: { '=>': 'number' },
  /** Aligned memory, given back when the buffer is collected. */
  allocate: { bytes: 'size', '=>': 'buffer' },
  /** Lets the system have the pages of memory whose content nobody needs any more; it may be written again. */
  discard: { bytes: 'size', memory: 'out uint8[bytes]' },
  /** The best of several passes over `bytes` of memory that change each number where it is: bytes read and written a second. */
  benchmarkMemory: { bytes: 'size 1048576..', repeats: 'size 1..1000000', '=>': 'number' },
  /** Median seconds of one product called from C++ in the current precision. */
  benchmarkProduct: {
    m: 'size ..65536',
    n: 'size ..65536',
    k: 'size ..65536',
    repeats: 'size 1..1000000',
    '=>': 'number',
  },
} as const;
