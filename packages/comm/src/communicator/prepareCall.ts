import { ArgumentError } from '@scmoe/errors';

import type { CommDtype, HostArray } from '../data/dtypes.js';
import { dtypeOf } from '../data/dtypes.js';
import { openPayload, type Payload, type Result } from '../data/Payload.js';
import type { EngineCall, Operation } from '../engine/Engine.js';
import type { CollectiveOptions, Counts, Data, ExchangeRowsOptions, ReduceOptions, Reduction } from './Communicator.js';

export interface Prepared {
  call: EngineCall;
  payload?: Payload;
  result?: Result;
}

interface Place {
  rank: number;
  size: number;
  timeoutMs: number;
}

type Options = Partial<ExchangeRowsOptions<Data> & ReduceOptions<Data>> & { root?: number };

const reductions: readonly Reduction[] = ['sum', 'mean', 'max'];

/**
 * Checks a collective as far as one rank can, and finds the memory for its input and its result.
 *
 * @param open takes the data, as `openPayload` does
 * @throws ArgumentError naming the operation, what was expected and what came
 */
export function prepareCall(
  place: Place,
  operation: Operation,
  data: Data,
  { sendCounts, recvCounts }: { sendCounts?: Counts; recvCounts?: Counts },
  options: Options,
  open = openPayload,
): Prepared {
  const where = `${operation} on rank ${place.rank} of ${place.size}`;
  const payload = open(where, data);
  try {
    const { size } = place;
    const { rows, elementsPerRow } = payload;
    if (payload.isScalar && operation !== 'allReduce' && operation !== 'broadcast') {
      throw new ArgumentError(`${where}: expected a tensor with a first axis to share out, got a scalar`);
    }
    const reduction = checkReduction(where, payload.dtype, operation, options);
    const wire = checkWire(where, payload.dtype, options.as);
    const root = checkRoot(where, size, options.root);

    const counts = { sendCounts, recvCounts };
    let resultRows: number | undefined;
    const { paddedTo } = options;
    const isPadded = paddedTo !== undefined;
    /** Rows that travel, of buffers with more. */
    let travelling: { sent: number; received: number } | undefined;
    switch (operation) {
      case 'allToAll':
        counts.sendCounts = counts.recvCounts = evenCounts(where, rows, size);
        break;
      case 'allToAllV':
        travelling = {
          sent: checkCounts(where, 'sendCounts', sendCounts, size, rows, isPadded),
          received: checkCounts(where, 'recvCounts', recvCounts, size, paddedTo, isPadded),
        };
        resultRows = paddedTo ?? travelling.received;
        break;
      case 'allGather':
        counts.recvCounts = Array<number>(size).fill(rows);
        resultRows = rows * size;
        break;
      case 'allGatherV':
        resultRows = checkCounts(where, 'recvCounts', recvCounts, size);
        if (recvCounts![place.rank] !== rows) {
          throw new ArgumentError(
            `${where}: recvCounts[${place.rank}] is this rank's own share: expected ${rows}, got ${recvCounts![place.rank]}`,
          );
        }
        break;
      case 'reduceScatter':
        resultRows = evenCounts(where, rows, size)[0]!;
        break;
      default:
    }

    const result = openResult(where, operation, payload, resultRows, { output: options.output, isPadded });
    const first = (array: HostArray | undefined, count: number | undefined) =>
      count === undefined ? array : array?.subarray(0, count * elementsPerRow);
    const [input, output] = [first(payload.array, travelling?.sent), first(result.array, travelling?.received)];
    if (isPadded && output) result.array?.fill(0, output.length);
    const inElements = (list: Counts | undefined) => list?.map((count) => count * elementsPerRow);
    const isReceiver = operation === 'broadcast' && root !== place.rank;
    return {
      payload,
      result,
      call: {
        operation,
        dtype: payload.dtype,
        wire,
        reduction,
        root,
        ...(isReceiver ? {} : { input, inputAddress: payload.address }),
        output,
        outputAddress: result.address,
        elements: travelling ? travelling.sent * elementsPerRow : payload.elements,
        sendCounts: inElements(counts.sendCounts),
        recvCounts: inElements(counts.recvCounts),
        timeoutMs: checkTimeout(where, options.timeoutMs ?? place.timeoutMs),
      },
    };
  } catch (error) {
    payload.release();
    throw error;
  }
}

/** A call without data: barrier, connect, close. */
export function bareCall(operation: Operation, place: Place, { timeoutMs }: CollectiveOptions = {}): EngineCall {
  return {
    operation,
    dtype: 'float32',
    wire: 'float32',
    reduction: 'sum',
    root: 0,
    elements: 0,
    timeoutMs: checkTimeout(`${operation} on rank ${place.rank} of ${place.size}`, timeoutMs ?? place.timeoutMs),
  };
}

export function checkTimeout(where: string, timeoutMs: number): number {
  if (timeoutMs > 0 && timeoutMs <= 2 ** 31) return Math.ceil(timeoutMs);
  throw new ArgumentError(`${where}: timeoutMs: expected more than 0 and at most 2^31, got ${timeoutMs}`);
}

function checkReduction(where: string, dtype: CommDtype, operation: Operation, options: Options): Reduction {
  const { op = 'sum' } = options;
  if (!reductions.includes(op)) {
    throw new ArgumentError(`${where}: op: expected one of ${reductions.join(', ')}, got ${String(op)}`);
  }
  if (op === 'mean' && dtype === 'int32') {
    throw new ArgumentError(`${where}: a mean needs float32 or bf16, got int32; sum it and divide`);
  }
  if (options.as !== undefined && (operation === 'allReduce' || operation === 'reduceScatter')) {
    throw new ArgumentError(`${where}: 'as' is for collectives that only move data`);
  }
  return op;
}

function checkWire(where: string, dtype: CommDtype, as: unknown): CommDtype {
  if (as === undefined) return dtype;
  if (as !== 'bf16') throw new ArgumentError(`${where}: as: expected 'bf16', got ${JSON.stringify(as)}`);
  if (dtype === 'int32') throw new ArgumentError(`${where}: as 'bf16': expected float32 data, got int32`);
  return 'bf16';
}

function checkRoot(where: string, size: number, root = 0): number {
  if (Number.isInteger(root) && root >= 0 && root < size) return root;
  throw new ArgumentError(`${where}: root: expected a rank from 0 to ${size - 1}, got ${root}`);
}

function evenCounts(where: string, rows: number, size: number): number[] {
  if (rows % size === 0) return Array<number>(size).fill(rows / size);
  throw new ArgumentError(`${where}: expected a length that the ${size} ranks divide, got ${rows}; see allToAllV`);
}

/** Checks the counts of a call. @returns the sum */
function checkCounts(
  where: string,
  name: string,
  counts: Counts | undefined,
  size: number,
  total?: number,
  orLess = false,
): number {
  if (!Array.isArray(counts) && !ArrayBuffer.isView(counts)) {
    throw new ArgumentError(`${where}: ${name}: expected an array of ${size} counts, got ${typeof counts}`);
  }
  const list = counts as Counts;
  if (list.length !== size) {
    throw new ArgumentError(`${where}: ${name}: expected ${size} counts, one a rank, got ${list.length}`);
  }
  const bad = list.findIndex((count) => !Number.isSafeInteger(count) || count < 0);
  if (bad >= 0) {
    throw new ArgumentError(`${where}: ${name}[${bad}]: expected a whole number of at least 0, got ${list[bad]}`);
  }
  const sum = list.reduce((all, count) => all + count, 0);
  if (total !== undefined && sum !== total && !(orLess && sum < total)) {
    const expected = orLess ? `at most the ${total} of the buffer` : `the ${total} of the data`;
    throw new ArgumentError(`${where}: ${name} add up to ${sum}, expected ${expected}`);
  }
  return sum;
}

function openResult(
  where: string,
  operation: Operation,
  payload: Payload,
  rows: number | undefined,
  { output, isPadded }: { output: HostArray | undefined; isPadded: boolean },
): Result {
  if (output === undefined) return payload.result(rows, { isPadded });
  const length = rows ?? payload.rows;
  if (dtypeOf(output) !== payload.dtype || output.length !== length) {
    throw new ArgumentError(
      `${where}: output: expected ${payload.dtype} of length ${length}, got ${dtypeOf(output) ?? typeof output} of length ${output.length}`,
    );
  }
  const inPlace = operation === 'allReduce' || operation === 'broadcast';
  const { array } = payload;
  const same = output.byteOffset === array?.byteOffset && output.length === array.length;
  if (array && overlap(output, array) && !(inPlace && same)) {
    throw new ArgumentError(`${where}: output: overlaps the input, which is read while the output is written`);
  }
  return { array: output, give: () => output, release: () => undefined };
}

function overlap(a: HostArray, b: HostArray): boolean {
  if (a.buffer !== b.buffer || a.length === 0 || b.length === 0) return false;
  return a.byteOffset < b.byteOffset + b.byteLength && b.byteOffset < a.byteOffset + a.byteLength;
}
