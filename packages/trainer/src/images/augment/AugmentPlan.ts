import type { Box } from '../preprocess/cropBox.js';
import type { OperationName } from './operations.js';

/** What is done to one picture, drawn already: numbers and nothing else, so that any thread can carry it out. */
export interface AugmentPlan {
  /** What is cut out; it may begin before the picture and end behind it, where black is. */
  crop: Box;
  flip: boolean;
  operations: { name: OperationName; amount: number }[];
  /** What becomes 0 in the end. */
  erase?: Box;
}
