export { availableBackends } from './availableBackends.js';
export { relativeError } from './compare.js';
export { describeUnless } from './describeUnless.js';
export { expectGradients, expectOutput, tensorsOf, tolerance } from './expectReference.js';
export { expectGradientsMatch, type FiniteDifferenceOptions } from './finiteDifferences.js';
export { fromSource } from './fromSource.js';
export { describeOrSkip, itOrSkip } from './orSkip.js';
export {
  type Outcome,
  type RanksOptions,
  runHere,
  type StartedProgram,
  startProgram,
  startProgramOn,
  startScmoe,
} from './programs.js';
export {
  itMatchesReference,
  readReference,
  referenceCases,
  type Reference,
  type ReferenceConfig,
} from './reference.js';
export { referenceAdapter, referenceCheckpoint, referenceGguf, unreadCheckpoints } from './referenceCheckpoint.js';
export { referenceTokenizers, type TokenizedText } from './referenceTokenizers.js';
export { runRanks, sendResult, type ServeStore } from './runRanks.js';
export { itOnSmallDisk, withSmallDisk } from './smallDisk.js';
export { listeningAddresses, sendStrangers, type Address, type Strangers } from './strangers.mjs';
export { temporaryFolder, temporaryFolderForEach } from './temporaryFolder.js';
export { useTestTensorFlow } from './useTestTensorFlow.js';
