/** What a collective takes in which a rank hands over n bytes: alphaMs + n * msPerByte. */
export interface CallCost {
  readonly alphaMs: number;
  readonly msPerByte: number;
}
