// What starts ranks and looks after them. It is an entry of its own because none of it needs TF.js.
export { LaunchError } from './LaunchError.js';
export { launch } from './launch.js';
export type { LaunchOptions } from './LaunchOptions.js';
export { hasTerminal, secondInterruptMs, signalStatus, type StopSignalName, stopSignals } from './stopSignals.js';
export type { Terminal } from './Terminal.js';
export { findGloo } from '../engine/gloo.js';
export { findNccl, type GpuDevice, type NcclEngineReport } from '../engine/nccl.js';
export { analyzeFlightRecords, type FlightAnalysis, type FlightFinding } from '../flight/analyzeFlightRecords.js';
export { readFlightRecords } from '../flight/readFlightRecords.js';
export { endpointText, withoutBrackets } from '../place/addresses.js';
export { otherLauncher } from '../place/otherLauncher.js';
export { parseEndpoint } from '../place/parseEndpoint.js';
export { tokenPattern } from '../rendezvous/token.js';
