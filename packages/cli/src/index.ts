export { runCli } from './runCli.js';
export type { Terminal } from '@scmoe/comm/launch';
