/** How one matrix W of a model is adapted: W + factor A B. */
export interface AdaptedMatrix {
  readonly rank: number;
  /** `alpha / rank`, or with rslora `alpha / sqrt(rank)`. */
  readonly factor: number;
}

/** Which matrices of a model have a low-rank adapter (LoRA, arXiv 2106.09685), by their names; plain data. */
export interface AdapterPlan {
  readonly matrices: Readonly<Record<string, AdaptedMatrix>>;
  /** Share of what A reads that is zero in training; experts and routers go without. */
  readonly dropout: number;
}

/** Names of the two matrices of an adapter: A of `block0.attn.wq` is `block0.attn.wq.loraA`. */
export const factorNames = (matrix: string) => ({ a: `${matrix}.loraA`, b: `${matrix}.loraB` });

/** Whether a parameter is one of an adapter. */
export function isAdapterParameter(name: string): boolean {
  return /\.lora[AB]$/.test(name);
}
