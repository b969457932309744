import { ScmoeError } from '@scmoe/errors';

import { dataTypeOf, type DataType } from './dataTypes.js';

/** What the addon says of a tensor; a shape of unknown rank is undefined, an unknown size -1. */
export interface Described {
  id: number;
  dtype: DataType;
  shape: number[] | undefined;
}

/** Where the addon describes tensors: one array for all calls, read at once. */
export class Results {
  readonly #numbers = new Int32Array(65_536);
  #at = 0;

  /** The arguments of a call that describes tensors; what it says is then read from the beginning. */
  arguments(): { results: Int32Array; capacity: number } {
    this.#at = 0;
    return { results: this.#numbers, capacity: this.#numbers.length };
  }

  number(): number {
    return this.#numbers[this.#at++]!;
  }

  description(): Described {
    const id = this.number();
    const code = this.number();
    const rank = this.number();
    const shape = rank < 0 ? undefined : Array.from({ length: rank }, () => this.number());
    const dtype = dataTypeOf(code);
    if (dtype === undefined)
      throw new ScmoeError(`tensor: expected a type that is used here, got TensorFlow's ${code}`);
    return { id, dtype, shape };
  }
}
