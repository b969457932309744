/** What every engine's open function takes. */
export const openOptions = {
  /** A function that is called with the sequence number of each work that has ended. */
  onDone: 'function',
  group: 'text',
  size: 'size 1..65536',
  rank: 'size 0..size',
  watchHost: 'text',
  watchPort: 'size 0..65535',
  watchToken: 'text',
  serverRank: 'integer -1..65535',
  silenceMs: 'size 0..2147483648',
  recordFolder: 'text',
  recordCapacity: 'size 1..1048576',
  closeGraceMs: 'size 0..2147483648',
} as const;

/** What JavaScript calls on a communicator, whatever its engine; `id` is its number in the addon. */
export const communicator = {
  /** Gives the work's sequence number. Lengths of input and output follow from the counts; the binding checks them. */
  commStart: {
    id: 'size',
    operation:
      'Operation: connect|allToAll|allToAllV|allReduce|allGather|allGatherV|reduceScatter|broadcast|barrier|close',
    dtype: 'DType: float32|bf16|int32',
    wire: 'DType: float32|bf16|int32',
    reduction: 'Reduction: sum|mean|max',
    root: 'size',
    elements: 'size',
    input: 'float32|bf16|int32[0]?',
    output: 'out float32|bf16|int32[0]?',
    /** Addresses of memory on the engine's device, in the place of arrays: an engine that knows such memory checks them. */
    inputAddress: 'integer 0..9007199254740991?',
    outputAddress: 'integer 0..9007199254740991?',
    sendCounts: 'sizes[]?',
    recvCounts: 'sizes[]?',
    timeoutMs: 'size 1..2147483648',
    '=>': 'number',
  },
  /** Blocks until the work has ended. Once: the outcome is forgotten then. */
  commWait: { id: 'size', sequence: 'size' },
  commIsDone: { id: 'size', sequence: 'size', '=>': 'boolean' },
  /** Fails everything, on all ranks. */
  commAbort: { id: 'size', text: 'text' },
  commFailure: { id: 'size', '=>': 'text?' },
  /** The record of recent collectives, as JSON. */
  commFlightRecord: { id: 'size', '=>': 'text' },
  /** Aborts what is going on, joins the thread. May be called twice. */
  commRelease: { id: 'size' },
} as const;
