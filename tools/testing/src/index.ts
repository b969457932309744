export { relativeError } from './compare.js';
export { describeUnless } from './describeUnless.js';
export { expectGradientsMatch, type FiniteDifferenceOptions } from './finiteDifferences.js';
export { fromSource } from './fromSource.js';
export { golden, goldenFolder, goldenNames, itGolden, type Golden, type GoldenConfig } from './golden.js';
export { runRanks, sendResult, type ServeStore } from './runRanks.js';
export { withSmallDisk } from './smallDisk.js';
export { temporaryFolder, temporaryFolderForEach } from './temporaryFolder.js';
