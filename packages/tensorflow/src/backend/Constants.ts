import { dataClassOf, type DataType, type TensorData } from '../binding/dataTypes.js';
import type { Executor } from '../binding/TensorFlowBinding.js';

/** Small tensors that come again and again: scalars of a program, axes, shapes. Each is made once and kept. */
export class Constants {
  /** Tensors with more elements than this are not looked for. */
  static readonly mostElements = 16;
  /** As many are kept; then the one that was not asked for the longest goes. */
  static readonly #most = 4096;
  readonly #ids = new Map<string, number>();

  constructor(readonly executor: Executor) {}

  /** The id of a constant in the executor. */
  of(dtype: DataType, shape: readonly number[], values: readonly number[]): number {
    const key = `${dtype}[${shape.join()}]${textOf(values)}`;
    const known = this.#ids.get(key);
    if (known !== undefined) {
      this.#ids.delete(key);
      this.#ids.set(key, known);
      return known;
    }
    if (this.#ids.size >= Constants.#most) this.#forgetOldest();
    const Data = dataClassOf(dtype) as unknown as { from(values: readonly number[]): TensorData };
    const { id } = this.executor.createTensor(dtype, shape, Data.from(values));
    this.#ids.set(key, id);
    return id;
  }

  /** Lets go of all of them. */
  delete(): void {
    for (const id of this.#ids.values()) this.executor.delete(id);
    this.#ids.clear();
  }

  #forgetOldest(): void {
    const [key, id] = this.#ids.entries().next().value!;
    this.#ids.delete(key);
    this.executor.delete(id);
  }
}

/** Tells -0 from 0, which `join` does not. */
function textOf(values: readonly number[]): string {
  let text = '';
  for (let i = 0; i < values.length; i++) text += Object.is(values[i], -0) ? '-0,' : `${values[i]},`;
  return text;
}
