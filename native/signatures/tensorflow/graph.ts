import { description, operationCall } from './session.js';

/** Graphs, and functions made of them; operations and their outputs are known by numbers within their graph. */
export const graph = {
  tfGraphCreate: { '=>': 'number' },
  tfGraphDelete: { graph: 'size' },
  /** Gives the number of outputs; in front of their descriptions stands the number of the operation. */
  tfGraphAdd: {
    graph: 'size',
    name: 'text',
    ...operationCall,
    after: 'int32[numAfter]',
    numAfter: 'size',
    ...description,
    '=>': 'number',
  },
  tfGraphSetShape: { graph: 'size', output: 'size', dims: 'sizes[]', ...description },
  tfGraphToFunction: {
    graph: 'size',
    name: 'text',
    inputs: 'int32[numInputs]',
    numInputs: 'size',
    outputs: 'int32[numOutputs]',
    numOutputs: 'size',
    effects: 'int32[numEffects]',
    numEffects: 'size',
  },
  tfFunctionRemove: { name: 'text' },
} as const;
