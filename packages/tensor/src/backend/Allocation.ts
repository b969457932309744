/** Where memory comes from while a step is being captured. */
export interface Allocation {
  /** JavaScript writes it: no kernel would again where the step is made again. */
  isLasting?: boolean;
  /** It is none of the step's: data that were there before, on another backend. */
  isFromBefore?: boolean;
}
