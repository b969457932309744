import type * as tf from '@tensorflow/tfjs';

import { attribute } from '../binding/Attribute.js';
import type { TensorFlowBinding } from '../binding/TensorFlowBinding.js';

/** TensorFlow's name for a resource that lives as long as its handle (ResourceHandle::ANONYMOUS_NAME). */
const anonymous = 'cd2c89b7-88b7-44c8-ad83-06c2a9158347';

/** A resource variable of TensorFlow. */
export class ResourceVariable {
  /** Its handle. */
  readonly id: number;
  private readonly attributes: { dtype: ReturnType<typeof attribute.type> };

  constructor(
    private readonly tensorFlow: TensorFlowBinding,
    { dtype, shape }: { dtype: tf.NumericDataType; shape: readonly number[] },
  ) {
    this.attributes = { dtype: attribute.type(dtype) };
    const attributes = { ...this.attributes, container: '', shared_name: anonymous, shape: attribute.shape(shape) };
    this.id = tensorFlow.execute('VarHandleOp', [], attributes)[0]!.id;
  }

  /** A tensor with its value, the caller's to delete; its memory is the variable's. */
  read(): number {
    return this.tensorFlow.execute('ReadVariableOp', [this.id], this.attributes)[0]!.id;
  }

  /** Gives it the value of a tensor, which stays the caller's. */
  assign(value: number): void {
    this.tensorFlow.execute('AssignVariableOp', [this.id, value], this.attributes);
  }

  /** Lets go of it, and with it of its memory. */
  delete(): void {
    this.tensorFlow.delete(this.id);
  }
}
