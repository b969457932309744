import { ScmoeError } from '@scmoe/errors';
import type * as tf from '@tensorflow/tfjs';

import { attribute } from '../binding/Attribute.js';
import { asTensor } from './currentBackend.js';
import type { TensorFlowBackend } from '../backend/TensorFlowBackend.js';

/** TensorFlow's name for a resource that lives as long as its handle (ResourceHandle::ANONYMOUS_NAME). */
const anonymous = 'cd2c89b7-88b7-44c8-ad83-06c2a9158347';

/**
 * The resource variable of TensorFlow in which the value of a TF.js variable lies, for compiled steps to read and write in place.
 * To the program it stays a variable: read, it is fetched from there; assigned, it is brought there before the next step.
 */
export class VariableCell {
  /** The resource variable, as an argument of functions. */
  readonly resource: number;
  private readonly backend: TensorFlowBackend;
  private readonly variable: tf.Variable;
  private readonly attributes: { dtype: ReturnType<typeof attribute.type> };
  /** The data of the variable that stand for the resource; any others were assigned by the program. */
  private dataId: object | undefined;
  /** Whether a call that failed has taken the value with it. */
  private isLost = false;

  constructor(backend: TensorFlowBackend, variable: tf.Variable) {
    this.backend = backend;
    this.variable = variable;
    this.attributes = { dtype: attribute.type(variable.dtype) };
    const shape = attribute.shape(variable.shape);
    const attributes = { ...this.attributes, container: '', shared_name: anonymous, shape };
    this.resource = backend.tensorFlow.execute('VarHandleOp', [], attributes)[0]!.id;
  }

  /** Before a call: brings what the program has assigned into the resource. */
  bringIn(): void {
    const { variable, backend } = this;
    if (this.isLost) throw lost(variable);
    if (variable.isDisposed) {
      throw new ScmoeError(`compileStep: the variable '${variable.name}', which the step uses, was disposed`);
    }
    if (variable.dataId === this.dataId) return;
    // Who has a clone from before keeps what the resource holds until now.
    if (this.dataId !== undefined && backend.refCount(this.dataId) > 0) {
      backend.ownIdOf({ dataId: this.dataId, shape: variable.shape, dtype: variable.dtype });
    }
    backend.tensorFlow.execute('AssignVariableOp', [this.resource, backend.ownIdOf(variable)], this.attributes);
    this.standIn();
  }

  /** Before a call that writes: whoever shares the variable's value keeps it, and nobody else holds the memory. */
  letWrite(): void {
    const { variable, backend } = this;
    if (backend.refCount(variable.dataId) > 1) {
      backend.ownIdOf(variable); // fetched, it is theirs, whatever becomes of the resource
      this.standIn();
    } else {
      backend.forget(variable);
    }
  }

  /** A tensor with the value of now, the caller's to delete: as long as it is there, nobody writes over its memory. */
  hold(): number {
    return this.backend.tensorFlow.execute('ReadVariableOp', [this.resource], this.attributes)[0]!.id;
  }

  /** After a call that failed: the value that was held before it. */
  putBack(held: number): void {
    this.backend.tensorFlow.execute('AssignVariableOp', [this.resource, held], this.attributes);
  }

  /** After a call that failed while nothing was held: nobody may touch the resource again, whose memory is gone. */
  lose(): void {
    this.isLost = true;
  }

  /** Hands the variable its value as ordinary data, and ends the resource. */
  dispose(): void {
    const { variable, backend } = this;
    if (this.isLost) return;
    if (!variable.isDisposed && variable.dataId === this.dataId) backend.ownIdOf(variable);
    backend.tensorFlow.delete(this.resource);
  }

  /** Gives the variable data that stand for the resource. */
  private standIn(): void {
    const { variable, backend } = this;
    const fetch = () => {
      if (this.isLost) throw lost(variable);
      return this.hold();
    };
    const tensor = asTensor(backend.lazy(variable.dtype, variable.shape, fetch));
    variable.assign(tensor);
    this.dataId = variable.dataId;
    tensor.dispose();
  }
}

function lost({ name }: tf.Variable): ScmoeError {
  return new ScmoeError(
    `compileStep: the value of the variable '${name}' is lost since a call of a compiled step failed`,
  );
}
