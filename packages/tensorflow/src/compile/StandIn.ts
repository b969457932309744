import type * as tf from '@tensorflow/tfjs';

import type { LazySource } from '../backend/LazySource.js';
import type { TensorFlowBackend } from '../backend/TensorFlowBackend.js';
import { asTensor } from './currentBackend.js';

/** The data of a variable that stand for what lies in a resource; any others were assigned by the program. */
export class StandIn {
  private dataId: object | undefined;

  /** @param source gives the value of now, in a tensor that no later call writes over */
  constructor(
    private readonly backend: TensorFlowBackend,
    private readonly variable: tf.Variable,
    private readonly source: LazySource,
  ) {}

  /** Whether the program has assigned something that the resource does not have. */
  get isAssigned(): boolean {
    const { dataId } = this.variable;
    return dataId !== this.dataId || !this.backend.isLazy(dataId);
  }

  /** Gives the variable data that stand for the resource. */
  put(): void {
    const { backend, variable } = this;
    const tensor = asTensor(backend.lazy(variable.dtype, variable.shape, this.source));
    variable.assign(tensor);
    this.dataId = variable.dataId;
    tensor.dispose();
  }

  /** Before the resource gets another value: whoever holds the data, the variable or a clone, keeps the one of now. */
  keepValue(): void {
    const { backend, variable, dataId } = this;
    if (dataId === undefined || backend.refCount(dataId) === 0) return;
    backend.ownIdOf({ dataId, shape: variable.shape, dtype: variable.dtype });
  }

  /** Before a call that writes the variable: whoever shares its value keeps it, and nobody else holds the memory. */
  letWrite(): void {
    const { backend, variable } = this;
    if (backend.refCount(variable.dataId) > 1) {
      this.keepValue(); // fetched, it is theirs, whatever becomes of the resource
      this.put();
    } else {
      backend.forget(variable);
    }
  }
}
