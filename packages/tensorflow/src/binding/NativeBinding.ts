import { expectThat, ScmoeError } from '@scmoe/errors';
import type { TensorFlowFunctions } from '@scmoe/native/signatures';

import type { Attributes } from './Attribute.js';
import { contextConfig } from './contextConfig.js';
import { dataClassOf, dataTypes, type DataType, type TensorData } from './dataTypes.js';
import { encodeCall } from './encodeCall.js';
import { NativeGraph } from './NativeGraph.js';
import { Results } from './Results.js';
import type {
  ContextOptions,
  Device,
  Graph,
  OperationInput,
  TensorFlowBinding,
  TensorHandle,
} from './TensorFlowBinding.js';

/** TensorFlow through the addon. */
export class NativeBinding implements TensorFlowBinding {
  readonly devices: readonly Device[];
  readonly device: Device;
  readonly threads: number | undefined;
  readonly #native: TensorFlowFunctions;
  readonly #results = new Results();

  /** @param native the addon, with TensorFlow's libraries opened @param version of TensorFlow */
  constructor(
    native: TensorFlowFunctions,
    readonly version: string,
    options: ContextOptions,
  ) {
    this.#native = native;
    this.threads = options.threads;
    const config = contextConfig(options);
    this.devices = devicesOf(native.tfStart({ config, numConfigBytes: config.length }));
    // TensorFlow sees the one GPU that it was told of.
    const device = this.devices.find(({ type }) => type === 'GPU') ?? this.devices.find(({ type }) => type === 'CPU');
    if (device === undefined) throw new ScmoeError('TensorFlow knows no device, not even a CPU');
    this.device = device;
    native.tfSetDevice({ name: device.name });
  }

  registerKernelCalls(library: string): string | undefined {
    return this.#native.tfKernelCalls({ library }) || undefined;
  }

  createTensor(dtype: DataType, shape: readonly number[], data: TensorData): TensorHandle {
    return { id: this.#native.tfCreate(this.#tensorArguments(dtype, shape, data)), dtype, shape };
  }

  tensorOver(dtype: DataType, shape: readonly number[], data: TensorData): TensorHandle {
    return { id: this.#native.tfCreateOver(this.#tensorArguments(dtype, shape, data)), dtype, shape };
  }

  execute(operation: string, inputs: readonly OperationInput[], attributes?: Attributes): TensorHandle[] {
    const call = encodeCall(operation, inputs, attributes);
    const count = this.#native.tfExecute({ ...call, ...this.#results.arguments() });
    return Array.from({ length: count }, () => this.#tensor());
  }

  describe(id: number): TensorHandle {
    this.#native.tfDescribe({ id, ...this.#results.arguments() });
    return this.#tensor();
  }

  read(id: number): TensorData {
    const { dtype } = this.describe(id);
    const Data = dataClassOf(dtype);
    if (Data === undefined) throw new ScmoeError(`reading a tensor: expected one of numbers, got one of ${dtype}`);
    return new Data(this.#native.tfRead({ id }));
  }

  allocate(dtype: DataType, shape: readonly number[]): TensorHandle {
    return { id: this.#native.tfAllocate({ dtype: dataTypes[dtype], dims: shape }), dtype, shape };
  }

  part(id: number, first: number, shape: readonly number[]): TensorHandle {
    const made = this.#native.tfPart({ id, first, dims: shape });
    return { id: made, dtype: this.describe(made).dtype, shape };
  }

  view(id: number): TensorData {
    const { dtype } = this.describe(id);
    const Data = dataClassOf(dtype);
    if (Data === undefined) throw new ScmoeError(`a view of a tensor: expected one of numbers, got one of ${dtype}`);
    return new Data(this.#native.tfView({ id }));
  }

  delete(id: number): void {
    this.#native.tfDelete({ id });
  }

  liveTensors(): number {
    return this.#native.tfLive();
  }

  devicePointer(id: number): bigint {
    return BigInt(this.#native.tfPointer({ id }));
  }

  createGraph(): Graph {
    return new NativeGraph(this.#native, this.#results);
  }

  removeFunction(name: string): void {
    this.#native.tfFunctionRemove({ name });
  }

  #tensor(): TensorHandle {
    const { id, dtype, shape } = this.#results.description();
    return { id, dtype, shape: shape as number[] };
  }

  #tensorArguments(dtype: DataType, shape: readonly number[], data: TensorData) {
    const Data = dataClassOf(dtype);
    expectThat(
      Data !== undefined && data.BYTES_PER_ELEMENT === Data.BYTES_PER_ELEMENT,
      'data',
      Data === undefined ? 'a type of numbers' : `an array of ${Data.BYTES_PER_ELEMENT} bytes an element for ${dtype}`,
      Data === undefined ? dtype : data.constructor.name,
    );
    return {
      dtype: dataTypes[dtype],
      dims: shape,
      data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
      numBytes: data.byteLength,
    };
  }
}

function devicesOf(lines: string): Device[] {
  return lines
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const [name, type, bytes] = line.split('\t') as [string, string, string];
      return { name, type, memoryBytes: Number(bytes) };
    });
}
