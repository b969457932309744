export { ConfigurationError, expectNonNegative, expectOneOf, expectPositiveInteger, expectThat } from '@scmoe/gating';
