/** Where a variable lies among others: in which pack of the step, and from which element on. */
export interface PackedPlace {
  readonly pack: number;
  readonly first: number;
}

/** Which variables of a step lie together in one resource variable of float32, a pack. */
export interface Packing {
  /** The number of elements of each pack. */
  readonly lengths: readonly number[];
  /** The place of each variable by its number in the recording; undefined for one that has a resource of its own. */
  readonly places: readonly (PackedPlace | undefined)[];
}

/** Every variable in a resource of its own. */
export const unpacked: Packing = { lengths: [], places: [] };
