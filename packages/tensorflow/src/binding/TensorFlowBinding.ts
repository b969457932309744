import type { Attributes } from './Attribute.js';
import type { DataType, TensorData } from './dataTypes.js';

/** A tensor in TensorFlow's memory, known by a number. Whoever holds it deletes it. */
export interface TensorHandle {
  readonly id: number;
  readonly dtype: DataType;
  readonly shape: readonly number[];
}

/** An argument of an operation: one tensor, or a list of them where the operation takes a list (ConcatV2's values). */
export type OperationInput = number | readonly number[];

/** What runs operations on tensors that are known by numbers: TensorFlow at once, or a recording that notes them down. */
export interface Executor {
  /** A tensor with these elements, which are copied. */
  createTensor(dtype: DataType, shape: readonly number[], data: TensorData): TensorHandle;

  /**
   * Runs an operation, by its name in TensorFlow, or a function that was made of a graph.
   *
   * @returns its outputs, as many as the operation has
   * @throws ScmoeError with the operation, the types and shapes of its inputs, and what TensorFlow says
   */
  execute(operation: string, inputs: readonly OperationInput[], attributes?: Attributes): TensorHandle[];

  /**
   * The elements of a tensor, copied; waits until they are there.
   *
   * @param reader who wants them, for an executor that refuses
   */
  read(id: number, reader?: string): TensorData;

  /** Lets go of a tensor. */
  delete(id: number): void;
}

/** A device that TensorFlow knows. */
export interface Device {
  /** `/job:localhost/replica:0/task:0/device:GPU:0` */
  readonly name: string;
  /** `CPU`, `GPU` */
  readonly type: string;
  /** The memory that TensorFlow may take there. */
  readonly memoryBytes: number;
}

/** How TensorFlow runs. Read once, when a process opens it. */
export interface ContextOptions {
  /** Threads within an operation. Default: as many as the machine has cores. */
  threads?: number;
  /** The GPU to take, by its number among those that CUDA shows; none to stay on the CPU. Default: that of `LOCAL_RANK`, if any. */
  gpu?: number | 'none';
  /** Products of float32 in TF32, with 10 bits of mantissa, on GPUs that can. Default false. */
  tf32?: boolean;
  /** A folder in which XLA keeps what it compiles, for later processes. Default: `SCMOE_COMPILE_CACHE`, else it keeps nothing. */
  compileCache?: string;
}

/** A result of an operation in a graph; what is not known before it runs is undefined, or -1 for one size. */
export interface GraphTensor {
  /** Number within its graph. */
  readonly id: number;
  readonly dtype: DataType;
  readonly shape: readonly number[] | undefined;
}

/** An operation in a graph. */
export interface GraphOperation {
  /** Number within its graph, for control inputs. */
  readonly id: number;
  readonly outputs: readonly GraphTensor[];
}

/** An operation for a graph. */
export interface GraphOperationOptions {
  readonly inputs?: readonly OperationInput[];
  readonly attributes?: Attributes;
  /** Operations that have to be done before, by number. */
  readonly after?: readonly number[];
  /** The name of the node. Default: one of its own. */
  readonly name?: string;
}

/** What becomes the function of a graph. */
export interface GraphFunctionOptions {
  readonly name: string;
  /** Outputs of Placeholder operations, by number: the function's arguments, in this order. */
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  /** Operations that run though no output needs them, such as AssignVariableOp. */
  readonly effects?: readonly number[];
}

/** Operations that are noted down, with TensorFlow's own inference of types and shapes. */
export interface Graph {
  /** Adds an operation. @throws ScmoeError with the operation, its inputs and what TensorFlow says */
  add(operation: string, options?: GraphOperationOptions): GraphOperation;

  /** An argument of the function to be: a Placeholder. */
  placeholder(dtype: DataType, shape: readonly number[]): GraphTensor;

  /** A constant: its elements become part of the graph. */
  constant(dtype: DataType, shape: readonly number[], data: TensorData): GraphTensor;

  /** Tells a shape that inference can't know, such as that of what ReadVariableOp gives. */
  setShape(id: number, shape: readonly number[]): GraphTensor;

  /**
   * Makes a function of the graph, which `execute` then runs by its name; with the attribute `_XlaMustCompile: true` it is
   * compiled by XLA, once for each combination of shapes.
   *
   * @returns its name: the one that was asked for, with a number. TensorFlow keeps what it has made of a function by its name,
   *   and goes on with that for another function of the same name, when the first was removed: so no name comes twice.
   */
  toFunction(options: GraphFunctionOptions): string;

  /** Lets go of the graph; functions that were made of it stay. */
  delete(): void;
}

/** An opened TensorFlow. One for each process; its tensors belong to the thread that made them. */
export interface TensorFlowBinding extends Executor {
  /** `2.21.0` */
  readonly version: string;
  readonly devices: readonly Device[];
  /** The device on which operations run. */
  readonly device: Device;

  /** Threads within an operation, where it was told how many. */
  readonly threads: number | undefined;

  /**
   * Lets steps that XLA compiles for the CPU call the kernels of the addon of @scmoe/tensor.
   *
   * @param library the file of that addon
   * @returns why that can't be; undefined where they can
   */
  registerKernelCalls(library: string): string | undefined;

  /** What is known of a tensor without waiting for it. */
  describe(id: number): TensorHandle;

  /**
   * A tensor over memory of JavaScript, without a copy, on a CPU: what is written there is seen until the tensor and all that
   * shares its memory are gone.
   *
   * @throws ArgumentError where the memory does not begin at a multiple of 64 bytes, as TensorFlow demands
   */
  tensorOver(dtype: DataType, shape: readonly number[], data: TensorData): TensorHandle;

  /** A tensor on the CPU whose elements are not set: whoever makes it writes them through `view` before anybody reads them. */
  allocate(dtype: DataType, shape: readonly number[]): TensorHandle;

  /**
   * A tensor of its own, on a CPU, with elements that lie one after another in another: as many as `shape` says, from element `first` on.
   *
   * @throws ArgumentError where it has not as many, and for a tensor of another device
   */
  part(id: number, first: number, shape: readonly number[]): TensorHandle;

  /**
   * The elements of a tensor in TensorFlow's own memory, on a CPU, without a copy. The memory is there as long as the array, whatever
   * becomes of the tensor; only who has made it by `allocate` may write there.
   *
   * @throws ArgumentError for a tensor of another device
   */
  view(id: number): TensorData;

  /** The address of a tensor's elements on its device; waits until they are there. */
  devicePointer(id: number): bigint;

  /** How many tensors are held by numbers now. */
  liveTensors(): number;

  /** An empty graph, to note operations down in; its `delete` frees it. */
  createGraph(): Graph;

  /** Forgets a function that was made of a graph. */
  removeFunction(name: string): void;
}
