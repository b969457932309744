// The router's configuration fails in the same way: one error class for all.
export {
  ConfigurationError,
  expectBoolean,
  expectNonNegative,
  expectOneOf,
  expectPositive,
  expectPositiveInteger,
  expectThat,
} from '@scmoe/gating';
