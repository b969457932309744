export { init, type InitOptions } from './init/init.js';
export type {
  CollectiveOptions,
  Communicator,
  Counts,
  Data,
  EngineName,
  FlightEntry,
  FlightRecord,
  ExchangeRowsOptions,
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
export { findGloo, type GlooEngineReport } from './engine/gloo.js';
export { findNccl, type GpuDevice, type NcclEngineReport } from './engine/nccl.js';
export { finishAllToAllV, startAllToAllV, type ExchangeOptions, type InFlight } from './exchange/allToAllV.js';
export { analyzeFlightRecords, type FlightAnalysis, type FlightFinding } from './flight/analyzeFlightRecords.js';
export { findPlace } from './place/findPlace.js';
export { PlaceError } from './place/PlaceError.js';
export type { Place, RendezvousAddress } from './place/Place.js';
export { RendezvousError, type RendezvousFailure } from './rendezvous/RendezvousError.js';
export { StoreClient, type StoreClientOptions } from './rendezvous/StoreClient.js';
export { StoreServer, type StoreServerOptions } from './rendezvous/StoreServer.js';
