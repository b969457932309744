import {
  expectBoolean,
  expectPositive,
  expectPositiveInteger,
  expectRecord,
  expectThat,
  expectWholeNumber,
} from '@scmoe/errors';

/** What of a model decides the times of its block pairs. */
export interface ModelShape {
  /** Block pairs, each a block with an MLP and one with experts. */
  readonly pairs: number;
  readonly dModel: number;
  /** Hidden width of the MLP, of the shared expert and of each expert. */
  readonly ffnHidden: number;
  /** Weight matrices of an MLP: 2, or 3 with a gated activation. Default 2. */
  readonly matricesPerMlp?: number;
  readonly sequenceLength: number;
  /** Tokens on a rank in a step: the work of a rank stays the same as ranks are added. */
  readonly tokensPerRank: number;
  readonly expertsPerRank: number;
  /** Rows that experts compute and that travel, relative to tokens * topK. Default 1. */
  readonly capacityFactor?: number;
  /** Default 2: bf16. */
  readonly bytesPerElement?: number;
  /** Tokens that the embeddings know, for the memory that a rank needs. Default 0: the blocks alone are counted. */
  readonly vocabularySize?: number;
  /** Whether the head is the embedding's matrix. Default: true. */
  readonly tiedEmbeddings?: boolean;
}

/** Checks a description that may come from a file. @throws ArgumentError naming the field that makes no sense */
export function checkModelShape(model: ModelShape): void {
  expectRecord('model', model);
  for (const field of ['pairs', 'dModel', 'ffnHidden', 'sequenceLength', 'expertsPerRank'] as const) {
    expectPositiveInteger(field, model[field]);
  }
  expectWholeNumber('tokensPerRank', model.tokensPerRank);
  expectThat([2, 3].includes(model.matricesPerMlp ?? 2), 'matricesPerMlp', '2 or 3', model.matricesPerMlp);
  expectPositive('capacityFactor', model.capacityFactor ?? 1);
  expectPositive('bytesPerElement', model.bytesPerElement ?? 2);
  expectWholeNumber('vocabularySize', model.vocabularySize ?? 0);
  expectBoolean('tiedEmbeddings', model.tiedEmbeddings ?? true);
}
