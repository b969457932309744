export { expectGradients, expectOutput, tensorsOf, tolerance } from '@scmoe/testing';
