import { ScmoeError } from '@scmoe/errors';
import type { HostCall } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { attribute, type Attributes } from '../binding/Attribute.js';
import { dataClassOf, type DataType, type TensorData } from '../binding/dataTypes.js';
import type { Executor, OperationInput, TensorFlowBinding, TensorHandle } from '../binding/TensorFlowBinding.js';
import type { Recorder } from '../recording/Recorder.js';
import { Constants } from './Constants.js';
import type { LazySource } from './LazySource.js';

/** What the backend knows of a tensor: its values on the side of JavaScript, or a tensor of an executor. */
interface Entry {
  readonly shape: readonly number[];
  readonly dtype: tf.DataType;
  refCount: number;
  values: tf.backend_util.BackendValues | undefined;
  handle: { readonly id: number; readonly executor: Executor } | undefined;
  /** Where the value comes from when somebody asks for it. */
  readonly source?: LazySource;
  /** Whether it was there before the recording that now takes the operations. */
  readonly isReal: boolean;
}

/** Tensors in memory of the CPU that others may read and write. */
export interface HostMemory {
  /** The elements, not copied: to be read or, of what `output` gave, written before anybody else reads them. */
  values(this: void, tensor: tf.TensorInfo): Float32Array | Int32Array;
  /** A tensor whose elements are not set. */
  output(this: void, shape: readonly number[], dtype: 'float32' | 'int32'): tf.TensorInfo;
  disposeData(this: void, dataId: tf.DataId): boolean;
}

/** Tensors in a GPU's memory that others may read and write there; @scmoe/comm asks for it. */
export interface DeviceMemory {
  /** Where a float32 tensor is; waits until the device has done all that was asked of it. */
  address(this: void, tensor: tf.TensorInfo): number;
  /** A float32 tensor, of zeros or with elements that are not set. */
  output(this: void, shape: readonly number[], isZero: boolean): tf.TensorInfo;
  disposeData(this: void, dataId: tf.DataId): boolean;
}

/** An argument of an operation: a tensor, the id of a constant, or a list of these. */
export type Argument = tf.TensorInfo | number | readonly (tf.TensorInfo | number)[];

/** What operands of products are rounded to. */
export type ProductPrecision = 'float32' | 'bf16';

/**
 * TF.js backend whose tensors are TensorFlow's, and whose kernels run TensorFlow's operations through an executor: TensorFlow
 * itself, or a recording that notes them down.
 */
export class TensorFlowBackend extends tf.KernelBackend {
  /** Operands of matrix products and convolutions are rounded to this. */
  products: ProductPrecision = 'float32';
  readonly #data: tf.DataStorage<Entry>;
  readonly #hostMemory: HostMemory = {
    values: ({ dataId }) => {
      const entry = this.#data.get(dataId);
      return (entry.values ?? this.tensorFlow.view(this.#handleOf(entry).id)) as Float32Array | Int32Array;
    },
    output: (shape, dtype) => this.adopt(this.tensorFlow.allocate(dtype, shape)),
    disposeData: (dataId) => this.disposeData(dataId),
  };
  readonly #deviceMemory: DeviceMemory = {
    address: (tensor) => Number(this.tensorFlow.devicePointer(this.ownIdOf(tensor))),
    output: (shape, isZero) =>
      this.run('Empty', [this.ints(shape)], { dtype: attribute.type('float32'), init: isZero }),
    disposeData: (dataId) => this.disposeData(dataId),
  };
  readonly #constants = new WeakMap<Executor, Constants>();
  #executor: Executor;
  /** What takes operations instead of TensorFlow, and what its calls of the host run. */
  #recording: { readonly recorder: Recorder; readonly calls: HostCall['run'][] } | undefined;
  /** What the kernel that runs now has made; undefined outside of kernels. */
  #made: tf.DataId[] | undefined;

  /** @param tensorFlow what runs operations unless `withExecutor` says otherwise */
  constructor(readonly tensorFlow: TensorFlowBinding) {
    super();
    this.#executor = tensorFlow;
    this.#data = new tf.DataStorage<Entry>(this, tf.engine());
  }

  /** What runs operations now. */
  get executor(): Executor {
    return this.#executor;
  }

  /**
   * Whether exchanges between ranks may read and write the memory of tensors: where that is the CPU's. @scmoe/comm asks for the two
   * methods of a `HostMemory`.
   */
  get hostMemory(): HostMemory | undefined {
    return this.tensorFlow.device.type === 'CPU' && this.#recording === undefined ? this.#hostMemory : undefined;
  }

  /**
   * Whether exchanges between ranks may read and write tensors on a GPU. TensorFlow computes on a stream of its own: who takes an
   * address waits for it, and has to be done with the memory before the next operation that reads it is asked for.
   */
  get deviceMemory(): DeviceMemory | undefined {
    return this.tensorFlow.device.type === 'GPU' && this.#recording === undefined ? this.#deviceMemory : undefined;
  }

  /** Has another executor run the operations until `run` is done. */
  withExecutor<Result>(executor: Executor, run: () => Result): Result {
    const outer = this.#executor;
    this.#executor = executor;
    try {
      return run();
    } finally {
      this.#executor = outer;
    }
  }

  /**
   * Has a recorder note the operations down until `run` is done, and the calls of the host among them.
   *
   * @param calls gets what each of these has to run
   */
  withRecorder<Result>(recorder: Recorder, calls: HostCall['run'][], run: () => Result): Result {
    const outer = this.#recording;
    this.#recording = { recorder, calls };
    try {
      return this.withExecutor(recorder, run);
    } finally {
      this.#recording = outer;
    }
  }

  /** Whether operations are noted down instead of run. */
  get isRecording(): boolean {
    return this.#recording !== undefined;
  }

  /** Notes a call of the host down where operations are noted down; `callHost` of @scmoe/tensor asks. */
  recordCall({ name, inputs, outputs, isCut = true, run }: HostCall): tf.Tensor[] | undefined {
    if (this.#recording === undefined) return undefined;
    const { recorder, calls } = this.#recording;
    const described = outputs.map(({ dtype, shape }) => ({ dtype: dtype, shape }));
    const handles = recorder.call(
      { name, isCut },
      inputs.map((input) => this.idOf(input)),
      described,
    );
    calls.push(run);
    return handles.map((handle) => tf.engine().makeTensorFromTensorInfo(this.adopt(handle)));
  }

  /** Runs an operation with several outputs. */
  runAll(operation: string, inputs: readonly Argument[], attributes?: Attributes): tf.TensorInfo[] {
    const ids = inputs.map((input) => this.#argument(input));
    return this.#executor.execute(operation, ids, attributes).map((handle) => this.adopt(handle));
  }

  /** Runs an operation with one output. */
  run(operation: string, inputs: readonly Argument[], attributes?: Attributes): tf.TensorInfo {
    return this.runAll(operation, inputs, attributes)[0]!;
  }

  /** A constant as the argument of an operation: kept and used again, never to be deleted. */
  constant(dtype: DataType, shape: readonly number[], values: readonly number[]): number {
    return this.#constantsNow().of(dtype, shape, values);
  }

  /** Whole numbers as the argument of an operation, such as a shape or axes. */
  ints(values: readonly number[]): number {
    return this.constant('int32', [values.length], values);
  }

  /** A whole number as the argument of an operation, such as an axis. */
  int(value: number): number {
    return this.constant('int32', [], [value]);
  }

  /** Makes a tensor of TF.js from one of the executor, which it then owns. */
  adopt({ id, dtype, shape }: TensorHandle): tf.TensorInfo {
    const executor = this.#executor;
    return this.#store({ shape, dtype: tfTypeOf(dtype), refCount: 1, values: undefined, handle: { id, executor } });
  }

  /** A tensor of TF.js whose value is fetched when somebody asks. */
  lazy(dtype: tf.DataType, shape: readonly number[], source: LazySource): tf.TensorInfo {
    return this.#store({ shape, dtype, refCount: 1, values: undefined, handle: undefined, source });
  }

  /** Whether data are those of a lazy tensor still: another backend that took them over has handed back plain ones. */
  isLazy(dataId: tf.DataId): boolean {
    return this.#data.has(dataId) && this.#data.get(dataId).source !== undefined;
  }

  /** Lets go of what was fetched for a lazy tensor, if anything: the next to ask fetches anew. */
  forget({ dataId }: tf.TensorInfo): void {
    const entry = this.#data.get(dataId);
    if (entry.source === undefined || entry.handle === undefined) return;
    this.tensorFlow.delete(entry.handle.id);
    entry.handle = undefined;
  }

  /** A tensor of TF.js with these values. */
  fromValues(shape: readonly number[], dtype: tf.DataType, values: tf.backend_util.BackendValues): tf.TensorInfo {
    return this.#store({ shape, dtype, refCount: 1, values, handle: undefined });
  }

  /** The same elements once more. Not the argument itself: TF.js would take it for a result of its own. */
  alias({ dataId, shape, dtype }: tf.TensorInfo): tf.TensorInfo {
    this.incRef(dataId);
    return { dataId, shape, dtype };
  }

  /** The number by which the executor knows a tensor; values that are on the side of JavaScript alone are handed over. */
  idOf(tensor: tf.TensorInfo): number {
    const entry = this.#data.get(tensor.dataId);
    // What is small is a scalar that a program makes anew at every step: one constant serves all of them.
    if (entry.handle === undefined && isSmall(entry)) {
      return this.constant(entry.dtype, entry.shape, entry.values as unknown as number[]);
    }
    return this.#handleOf(entry).id;
  }

  /** The number of a tensor of its own, never of a constant that is kept: what is small and other at every step would fill their place. */
  ownIdOf(tensor: tf.TensorInfo): number {
    return this.#handleOf(this.#data.get(tensor.dataId)).id;
  }

  /** Runs a kernel: what it makes on the way is freed, and all of it where it throws. */
  scope<Result extends tf.TensorInfo | tf.TensorInfo[]>(run: () => Result): Result {
    const outer = this.#made;
    const made: tf.DataId[] = (this.#made = []);
    try {
      const result = run();
      const kept = new Set([result].flat().map(({ dataId }) => dataId));
      this.#made = outer;
      for (const dataId of made) {
        if (!kept.has(dataId)) this.disposeData(dataId);
        else outer?.push(dataId);
      }
      return result;
    } catch (error) {
      this.#made = outer;
      for (const dataId of made) this.disposeData(dataId);
      throw error;
    }
  }

  /** Keeps values on the side of JavaScript, until an operation asks for them. */
  override write(values: tf.backend_util.BackendValues, shape: number[], dtype: tf.DataType): tf.DataId {
    return this.fromValues(shape, dtype, values).dataId;
  }

  /** Takes over a tensor of another backend, with its values and the number of those that hold it. */
  override move(
    dataId: tf.DataId,
    values: tf.backend_util.BackendValues,
    shape: number[],
    dtype: tf.DataType,
    refCount: number,
  ): void {
    this.#data.set(dataId, { shape, dtype, refCount, values, handle: undefined, isReal: true });
  }

  /** Elements of a tensor, by a promise that is kept at once: TensorFlow is waited for. */
  override read(dataId: tf.DataId): Promise<tf.backend_util.BackendValues> {
    return new Promise((resolve) => resolve(this.readSync(dataId)));
  }

  /** Elements of a tensor; waits for the device. @throws ScmoeError within a recording, which has none */
  override readSync(dataId: tf.DataId): tf.backend_util.BackendValues {
    return this.readFor('the step', dataId);
  }

  /** Reads a tensor; a recording, which refuses, says for whom. */
  readFor(reader: string, dataId: tf.DataId): tf.backend_util.BackendValues {
    const entry = this.#data.get(dataId);
    if (entry.values !== undefined) return entry.values;
    // A recording refuses, whatever is read.
    const { id } = this.#handleOf(entry);
    return this.#executor.read(id, reader) as tf.backend_util.BackendValues;
  }

  /** Lets go of a tensor once. @returns whether nobody holds it any more, and its memory is free */
  override disposeData(dataId: tf.DataId, force = false): boolean {
    if (!this.#data.has(dataId)) return true;
    const entry = this.#data.get(dataId);
    entry.refCount--;
    entry.source?.touched();
    if (!force && entry.refCount > 0) return false;
    this.#data.delete(dataId);
    if (entry.handle !== undefined) entry.handle.executor.delete(entry.handle.id);
    return true;
  }

  /** The number of those that hold a tensor; 0 where it is gone. */
  override refCount(dataId: tf.DataId): number {
    return this.#data.has(dataId) ? this.#data.get(dataId).refCount : 0;
  }

  /** Holds a tensor once more. */
  override incRef(dataId: tf.DataId): void {
    const entry = this.#data.get(dataId);
    entry.refCount++;
    entry.source?.touched();
  }

  /** The number of tensors that are there. */
  override numDataIds(): number {
    return this.#data.numDataIds();
  }

  /** What `tf.memory` says of this backend: that it does not know. */
  override memory(): { unreliable: boolean; reasons: string[] } {
    return { unreliable: true, reasons: ["TensorFlow's own memory is not counted"] };
  }

  override floatPrecision(): 32 {
    return 32;
  }

  override epsilon(): number {
    return 1e-7;
  }

  /** Whether `time` can be called: always. */
  override timerAvailable(): boolean {
    return true;
  }

  /** Takes the time of what `run` does, in ms. */
  override async time(run: () => void): Promise<tf.BackendTimingInfo> {
    const start = performance.now();
    run();
    return Promise.resolve({ kernelMs: performance.now() - start });
  }

  /** Gives back what this backend keeps for the next steps. */
  override dispose(): void {
    for (const executor of [this.#executor]) this.#constants.get(executor)?.delete();
  }

  #handleOf(entry: Entry): NonNullable<Entry['handle']> {
    if (entry.handle !== undefined) return entry.handle;
    const { values, shape, dtype, source, isReal } = entry;
    if (source !== undefined) {
      source.touched();
      return (entry.handle = { id: source.fetch(), executor: this.tensorFlow });
    }
    if (values === undefined || dtype === 'string')
      throw new ScmoeError(`backend tensorflow: expected a tensor of numbers, got one of ${dtype}`);
    // What was there before a recording is no constant of it.
    const executor = isReal ? this.tensorFlow : this.#executor;
    const { id } = executor.createTensor(dtype, shape, dataOf(dtype, values));
    entry.values = undefined;
    return (entry.handle = { id, executor });
  }

  #argument(input: Argument): OperationInput {
    if (typeof input === 'number') return input;
    if (!Array.isArray(input)) return this.idOf(input as tf.TensorInfo);
    return (input as readonly (tf.TensorInfo | number)[]).map((one) =>
      typeof one === 'number' ? one : this.idOf(one),
    );
  }

  #store(entry: Omit<Entry, 'isReal'>): tf.TensorInfo {
    const dataId = {};
    this.#data.set(dataId, { ...entry, isReal: this.#executor === this.tensorFlow });
    this.#made?.push(dataId);
    return { dataId, shape: entry.shape as number[], dtype: entry.dtype };
  }

  #constantsNow(): Constants {
    let constants = this.#constants.get(this.#executor);
    if (constants === undefined) this.#constants.set(this.#executor, (constants = new Constants(this.#executor)));
    return constants;
  }
}

function isSmall(entry: Entry): entry is Entry & { dtype: Exclude<tf.NumericDataType, 'complex64'> } {
  const { values, dtype } = entry;
  return values !== undefined && values.length <= Constants.mostElements && dtype !== 'complex64' && dtype !== 'string';
}

function tfTypeOf(dtype: DataType): tf.DataType {
  switch (dtype) {
    case 'float32':
    case 'int32':
    case 'bool':
    case 'complex64':
      return dtype;
    default:
      // For operations in between (bfloat16, int64): TF.js never sees those tensors.
      return dtype as tf.DataType;
  }
}

function dataOf(dtype: tf.NumericDataType, values: tf.backend_util.BackendValues): TensorData {
  const Data = dataClassOf(dtype)!;
  return values instanceof Data ? values : (Data as unknown as { from(values: unknown): TensorData }).from(values);
}
