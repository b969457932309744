export { ArgumentError } from './ArgumentError.js';
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
export { expectKnownOptions, optionNames } from './optionNames.js';
export { ScmoeError } from './ScmoeError.js';
export { UserError } from './UserError.js';
export { valueText } from './valueText.js';
