export { availableBackends } from '@scmoe/testing';
