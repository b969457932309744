export { ArgumentError } from './ArgumentError.js';
export { asUserError } from './asUserError.js';
export { bytesOf } from './bytesOf.js';
export { bytesText } from './bytesText.js';
export {
  expectBetween,
  expectBoolean,
  expectFinite,
  expectInteger,
  expectNonNegative,
  expectOneOf,
  expectPositive,
  expectPositiveInteger,
  expectRecord,
  expectText,
  expectThat,
  expectWholeNumber,
} from './expect.js';
export { expectMemory } from './expectMemory.js';
export { availableMemory, memoryLimit } from './memoryLimit.js';
export { nameText } from './nameText.js';
export { needsNode } from './needsNode.js';
export { expectKnownOptions, optionNames } from './optionNames.js';
export { plainText } from './plainText.js';
export { ScmoeError } from './ScmoeError.js';
export { UserError } from './UserError.js';
export { valueText } from './valueText.js';
