/** A token that goes to an expert more often than to others. */
export interface SpecialToken {
  id: number;
  /** The token as the tokenizer decodes it by itself. */
  text: string;
  /** How often it went there. */
  count: number;
  /** Its share of what went there, as a multiple of its share of all choices. */
  lift: number;
}

/** One expert in a report. */
export interface ReportedExpert {
  id: number;
  /** An expert that hands a token back as it is: it has no weights and no outputs. */
  isZero: boolean;
  /** Choices before any was dropped. */
  load: number;
  /** Its choices as a multiple of an even load. */
  share: number;
  /** Share of its choices that found no place. */
  dropped: number;
  /** Mean weight of its choices. */
  weight: number;
  /** Mean norm of its outputs. */
  norm: number;
  /** Nearly nobody chose it: less than a hundredth of an even load. */
  isDead: boolean;
  /** The tokens that most distinguish what goes to it. */
  tokens: SpecialToken[];
}

/** One layer in a report. */
export interface ReportedLayer {
  /** `block0` */
  layer: string;
  topK: number;
  /** Tokens that were routed; of DGMoE, which chooses twice, each counts twice. */
  tokens: number;
  experts: ReportedExpert[];
  /** The fullest expert as a multiple of an even load. */
  worstLoad: number;
  /** Share of all choices that found no place. */
  dropped: number;
  /** Entropy of the load as a share of that of an even one: 1 where all experts have as much. */
  loadEntropy: number;
  /** Mean entropy of a token's scores as a share of that of even ones: 1 where the router is indifferent, 0 where it is sure. */
  scoreEntropy: number;
  /** (M, M): the share of the tokens of expert i that chose j as well; 0 on the diagonal. */
  coChoices: number[][];
  /** (N, N): likeness of the weights of the experts, `expertSimilarity`. */
  similarity: number[][];
}

/** What the experts of a model do with a text. Plain data: it can be stored as JSON. */
export interface ExpertReport {
  /** The checkpoint or folder. */
  model: string;
  text: string;
  tokens: number;
  layers: ReportedLayer[];
}
