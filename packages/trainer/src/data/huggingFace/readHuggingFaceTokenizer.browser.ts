import { needsNode } from '@scmoe/errors';

import type * as node from './readHuggingFaceTokenizer.js';

/** A page has no files; what it has fetched `huggingFaceTokenizer` takes. */
export const readHuggingFaceTokenizer: typeof node.readHuggingFaceTokenizer = () =>
  Promise.reject(needsNode('readHuggingFaceTokenizer'));
