import type { TensorForm } from '@scmoe/tensor';

import { attribute } from '../binding/Attribute.js';
import type { Graph } from '../binding/TensorFlowBinding.js';
import { CallModule, callModuleOperation } from './CallModule.js';
import type { PackedPlace, Packing } from './Packing.js';
import { packedCall } from './packedCall.js';
import type { RecordedNode, RecordedValue, ValueId } from './Recording.js';

/** A pack in a graph. */
interface PackInGraph {
  readonly resource: number;
  /** The operation that reads it, and the tensor of it. */
  readonly reader: number;
  readonly read: number;
  /** The tensor that has all new values so far. */
  latest: number;
}

/** A value of the recording that lies in a pack. */
interface PackedValue {
  readonly place: PackedPlace;
  readonly shape: readonly number[];
  /** The tensor in which it does: the latest of its pack, unless something else lies in its place there. */
  version: number;
}

/** The new value of a variable that lies in a pack. */
export interface PackedUpdate {
  readonly place: PackedPlace;
  readonly value: ValueId;
}

/**
 * The packs of a function that is being made, and which values of its recording lie in them. Calls of our kernels take such values where
 * they lie, and write over them there; anything else gets a slice.
 */
export class PackedValues {
  private readonly packs = new Map<number, PackInGraph>();
  private readonly packed = new Map<ValueId, PackedValue>();
  /** What variables have before the function. */
  private readonly old: PackedUpdate[] = [];
  private readonly slices = new Map<ValueId, number>();

  constructor(
    private readonly graph: Graph,
    private readonly packing: Packing,
    /** The numbers in the graph of values that lie in no pack. */
    private readonly others: Map<ValueId, number>,
  ) {}

  /** The packs that are used, by number, and the resource of each as an argument of the function. */
  get resources(): ReadonlyMap<number, number> {
    return new Map([...this.packs].map(([pack, { resource }]) => [pack, resource]));
  }

  /** Takes a value for what a variable has before the step. */
  read({ value, shape }: RecordedValue, place: PackedPlace): void {
    this.packed.set(value, { place, shape, version: this.packOf(place.pack).latest });
    this.old.push({ place, value });
  }

  /** The number in the graph of any value. */
  idOf(value: ValueId): number {
    const packed = this.packed.get(value);
    if (packed === undefined) return this.others.get(value)!;
    let slice = this.slices.get(value);
    if (slice === undefined) this.slices.set(value, (slice = this.sliceOf(packed)));
    return slice;
  }

  /** Adds the call of a kernel that takes values where they lie in packs. @returns whether the node is one */
  addCall({ operation, attributes, inputs, outputs }: RecordedNode): boolean {
    const module = operation === callModuleOperation ? attributes['module'] : undefined;
    const values = inputs.flat();
    if (!(module instanceof CallModule) || !values.some((value) => this.packed.has(value))) return false;
    const overwritten = new Set(module.call.overwrites?.map((i) => values[i]!));
    const given = values.map((value) => {
      const packed = this.packed.get(value);
      const isOnce = values.indexOf(value) === values.lastIndexOf(value);
      if (packed === undefined || (overwritten.has(value) && !(isOnce && this.isLatest(packed)))) {
        return { id: this.idOf(value) };
      }
      return { id: packed.version, pack: this.formOf(packed.place.pack), first: packed.place.first };
    });
    const call = packedCall(module, given);
    const made = this.graph.add(operation, { inputs: [call.operands], attributes: call.attributes }).outputs;
    // First the packs, for their values are looked for in the latest.
    const { overwrites = [] } = module.call;
    const placeOf = (result: number) =>
      call.results[result]!.isPacked ? this.packed.get(values[overwrites[result]!]!)!.place : undefined;
    const places = outputs.map((_, i) => placeOf(i));
    for (const pack of new Set(places.flatMap((place) => place?.pack ?? []))) {
      const result = places.findIndex((place) => place?.pack === pack);
      const written = places.flatMap((place) => (place?.pack === pack ? [place.first] : []));
      this.advance(pack, made[call.results[result]!.index]!.id, written);
    }
    for (const [i, { value, shape }] of outputs.entries()) {
      const place = places[i];
      if (place === undefined) this.others.set(value, made[call.results[i]!.index]!.id);
      else this.packed.set(value, { place, shape, version: this.packOf(place.pack).latest });
    }
    return true;
  }

  /**
   * Adds operations that give these variables their new values, and no other: what a kernel has written over stays within the function
   * unless it is such a value.
   *
   * @returns their numbers: no output needs them
   */
  assign(updates: readonly PackedUpdate[]): number[] {
    const changed = new Set(updates.map(({ place }) => place.pack));
    const kept = this.old.filter(
      ({ place }) => changed.has(place.pack) && !updates.some((one) => isSame(one.place, place)),
    );
    for (const { place, value } of [...updates, ...kept]) {
      const packed = this.packed.get(value);
      const isThere = packed !== undefined && isSame(packed.place, place) && this.isLatest(packed);
      if (isThere) continue;
      const inputs = [this.packOf(place.pack).latest, this.flat(this.idOf(value)), this.ints([place.first])];
      const { outputs } = this.graph.add('XlaDynamicUpdateSlice', { inputs });
      this.advance(place.pack, this.graph.setShape(outputs[0]!.id, this.formOf(place.pack).shape).id, [place.first]);
    }
    const attributes = { dtype: attribute.type('float32') };
    return [...this.packs].flatMap(([pack, { resource, reader, read, latest }]) =>
      latest === read || !changed.has(pack)
        ? []
        : [this.graph.add('AssignVariableOp', { inputs: [resource, latest], attributes, after: [reader] }).id],
    );
  }

  private packOf(number: number): PackInGraph {
    let pack = this.packs.get(number);
    if (pack === undefined) {
      const resource = this.graph.placeholder('resource', []).id;
      const attributes = { dtype: attribute.type('float32') };
      const { id, outputs } = this.graph.add('ReadVariableOp', { inputs: [resource], attributes });
      const read = this.graph.setShape(outputs[0]!.id, this.formOf(number).shape).id;
      this.packs.set(number, (pack = { resource, reader: id, read, latest: read }));
    }
    return pack;
  }

  /** Another tensor has the values of a pack, new ones in the places that begin there. */
  private advance(number: number, id: number, written: readonly number[]): void {
    const pack = this.packOf(number);
    const isOver = new Set(written);
    for (const packed of this.packed.values()) {
      const { place, version } = packed;
      if (place.pack === number && version === pack.latest && !isOver.has(place.first)) packed.version = id;
    }
    pack.latest = id;
  }

  private isLatest({ place, version }: PackedValue): boolean {
    return version === this.packOf(place.pack).latest;
  }

  private formOf(pack: number): TensorForm {
    return { dtype: 'float32', shape: [this.packing.lengths[pack]!] };
  }

  private sliceOf({ place, shape, version }: PackedValue): number {
    const size = shape.reduce((product, extent) => product * extent, 1);
    const inputs = [version, this.ints([place.first]), this.ints([size])];
    const slice = this.graph.add('Slice', { inputs }).outputs[0]!.id;
    return this.graph.add('Reshape', { inputs: [slice, this.ints(shape)] }).outputs[0]!.id;
  }

  private flat(id: number): number {
    return this.graph.add('Reshape', { inputs: [id, this.ints([-1])] }).outputs[0]!.id;
  }

  private ints(values: readonly number[]): number {
    return this.graph.constant('int32', [values.length], Int32Array.from(values)).id;
  }
}

function isSame(one: PackedPlace, other: PackedPlace): boolean {
  return one.pack === other.pack && one.first === other.first;
}
