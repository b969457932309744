import type * as tf from '@tensorflow/tfjs';

import type { TensorFlowBackend } from '../backend/TensorFlowBackend.js';
import { ResourceVariable } from './ResourceVariable.js';
import { StandIn } from './StandIn.js';
import { expectThere, lostVariable, type VariableHome } from './VariableHome.js';

/** The home of one variable. */
export class VariableCell implements VariableHome {
  touches = 0;
  private readonly home: ResourceVariable;
  private readonly standIn: StandIn;
  /** Whether a call that failed has taken the value with it. */
  private isLost = false;

  constructor(
    private readonly backend: TensorFlowBackend,
    private readonly variable: tf.Variable,
  ) {
    const { dtype, shape } = variable;
    this.home = new ResourceVariable(backend.tensorFlow, { dtype: dtype as tf.NumericDataType, shape });
    this.standIn = new StandIn(backend, variable, {
      fetch: () => {
        if (this.isLost) throw lostVariable(variable);
        return this.hold();
      },
      touched: () => this.touches++,
    });
  }

  get resource(): number {
    return this.home.id;
  }

  bringIn(): void {
    if (this.isLost) throw lostVariable(this.variable);
    expectThere(this.variable);
    if (!this.standIn.isAssigned) return;
    this.standIn.keepValue();
    this.home.assign(this.backend.ownIdOf(this.variable));
    this.standIn.put();
  }

  letWrite(): void {
    this.standIn.letWrite();
  }

  hold(): number {
    return this.home.read();
  }

  putBack(held: number): void {
    this.home.assign(held);
  }

  lose(): void {
    this.isLost = true;
    this.touches++;
  }

  dispose(): void {
    if (this.isLost) return;
    this.standIn.keepValue();
    this.home.delete();
  }
}
