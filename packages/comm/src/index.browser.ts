// What of this package runs in a browser: a world of one rank, and what computes without a network.
export { init } from './init/init.browser.js';
export type { InitOptions } from './init/init.js';
export type {
  CollectiveOptions,
  Communicator,
  Counts,
  Data,
  EngineName,
  FlightEntry,
  FlightRecord,
  MoveOptions,
  ReduceOptions,
  Reduction,
} from './communicator/Communicator.js';
export { dryCommunicator } from './communicator/dryCommunicator.js';
export {
  closeRanks,
  factorRank,
  splitRanks,
  type FactoredRank,
  type FactoredRanks,
  type RankFactors,
  type RankOfGroup,
} from './communicator/RankFactors.js';
export { runOfRank } from './communicator/runOfRank.js';
export type { Work } from './communicator/Work.js';
export { CommError, type CommErrorCode } from './communicator/CommError.js';
export { fromBf16, toBf16 } from './data/bf16.js';
export type { HostArray } from './data/dtypes.js';
export { finishAllToAllV, startAllToAllV, type ExchangeOptions, type InFlight } from './exchange/allToAllV.js';
export { analyzeFlightRecords, type FlightAnalysis, type FlightFinding } from './flight/analyzeFlightRecords.js';
