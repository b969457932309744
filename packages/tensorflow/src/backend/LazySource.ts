/** Where a tensor's value is until somebody asks for it. */
export interface LazySource {
  /** Gives a tensor of TensorFlow, then the backend's. */
  fetch(this: void): number;
  /** Hears that somebody has asked for the value, holds the tensor once more, or has let go of it. */
  touched(this: void): void;
}
