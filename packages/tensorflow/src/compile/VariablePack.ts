import type * as tf from '@tensorflow/tfjs';

import type { TensorFlowBackend } from '../backend/TensorFlowBackend.js';
import { ResourceVariable } from './ResourceVariable.js';
import { StandIn } from './StandIn.js';
import { expectThere, lostVariable, type VariableHome } from './VariableHome.js';

/** Every variable begins at a multiple of so many elements: 64 bytes, as TensorFlow's own memory does. */
const alignment = 16;

interface Member {
  readonly variable: tf.Variable;
  readonly first: number;
  readonly standIn: StandIn;
}

/**
 * The home of several small variables of float32, one after another. What TensorFlow does for each variable of a call, whatever its
 * size, it does once for all of them.
 */
export class VariablePack implements VariableHome {
  /** The number of elements, those between variables included. */
  readonly length: number;
  touches = 0;
  private readonly home: ResourceVariable;
  /** The variables in the order in which they lie. */
  private readonly members = new Map<tf.Variable, Member>();
  private isFilled = false;
  /** Whether a call that failed has taken the values with it. */
  private isLost = false;

  constructor(
    private readonly backend: TensorFlowBackend,
    variables: readonly tf.Variable[],
  ) {
    let end = 0;
    for (const variable of variables) {
      const first = end;
      const source = { fetch: () => this.fetch(variable, first), touched: () => this.touches++ };
      const standIn = new StandIn(backend, variable, source);
      this.members.set(variable, { variable, first, standIn });
      end = Math.ceil((first + variable.size) / alignment) * alignment;
    }
    this.length = end;
    this.home = new ResourceVariable(backend.tensorFlow, { dtype: 'float32', shape: [this.length] });
  }

  get resource(): number {
    return this.home.id;
  }

  /** The element at which a variable begins. */
  firstOf(variable: tf.Variable): number {
    return this.members.get(variable)!.first;
  }

  bringIn(variables: readonly tf.Variable[]): void {
    const used = this.membersOf(variables);
    for (const { variable } of used) {
      if (this.isLost) throw lostVariable(variable);
      expectThere(variable);
    }
    const assigned = used.filter(({ standIn }) => standIn.isAssigned);
    if (assigned.length === 0) return;
    const renewed = this.isFilled
      ? assigned
      : [...this.members.values()].filter(({ variable }) => !variable.isDisposed);
    for (const { standIn } of renewed) standIn.keepValue();
    this.fill(renewed);
    for (const { standIn } of renewed) standIn.put();
  }

  letWrite(variables: readonly tf.Variable[]): void {
    for (const { standIn } of this.membersOf(variables)) standIn.letWrite();
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
    for (const { standIn } of this.members.values()) standIn.keepValue();
    this.home.delete();
  }

  private membersOf(variables: readonly tf.Variable[]): Member[] {
    return variables.map((variable) => this.members.get(variable)!);
  }

  /** One variable's elements, in a tensor of its own: who keeps it does not keep all the others. */
  private fetch(variable: tf.Variable, first: number): number {
    if (this.isLost) throw lostVariable(variable);
    const held = this.hold();
    try {
      return this.backend.tensorFlow.part(held, first, variable.shape).id;
    } finally {
      this.backend.tensorFlow.delete(held);
    }
  }

  /** Gives the resource the values of these variables, and what it had for all others; zeros at first. */
  private fill(renewed: readonly Member[]): void {
    const { tensorFlow } = this.backend;
    const made: number[] = [];
    const own = (id: number) => {
      made.push(id);
      return id;
    };
    try {
      const before = this.isFilled ? own(this.hold()) : undefined;
      const between = (from: number, to: number) => {
        if (from === to) return [];
        if (before !== undefined) return [own(tensorFlow.part(before, from, [to - from]).id)];
        return [own(tensorFlow.createTensor('float32', [to - from], new Float32Array(to - from)).id)];
      };
      const [flat, rows] = [Int32Array.of(-1), Int32Array.of(0)].map((values, i) =>
        own(tensorFlow.createTensor('int32', i === 0 ? [1] : [], values).id),
      ) as [number, number];
      let end = 0;
      const parts = renewed.flatMap(({ variable, first }) => {
        const filler = between(end, first);
        end = first + variable.size;
        const [value] = tensorFlow.execute('Reshape', [this.backend.ownIdOf(variable), flat]);
        return [...filler, own(value!.id)];
      });
      parts.push(...between(end, this.length));
      this.home.assign(own(tensorFlow.execute('ConcatV2', [parts, rows])[0]!.id));
      this.isFilled = true;
    } finally {
      for (const id of made) tensorFlow.delete(id);
    }
  }
}
