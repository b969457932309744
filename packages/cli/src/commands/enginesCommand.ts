import { findGloo, findNccl, type Terminal } from '@scmoe/comm/launch';
import { Command } from 'commander';

/** `scmoe engines`: which engines this machine can use, and why not the others. */
export function enginesCommand(terminal: Terminal): Command {
  return new Command('engines')
    .description('Says which engines can be used on this machine, and what the others lack.')
    .action(() => {
      for (const line of describeEngines()) terminal.out.write(`${line}\n`);
    });
}

function describeEngines(): string[] {
  const gloo = findGloo();
  const { nccl, driver, devices, problem } = findNccl();
  return [
    'self  yes: one rank, nothing to talk to',
    gloo.problem === undefined ? `gloo  yes: several ranks over TCP, ${gloo.path}` : `gloo  no: ${gloo.problem}`,
    problem === undefined ? 'nccl  yes: several ranks with a GPU each' : `nccl  no: ${problem}`,
    ...(nccl ? [`      NCCL ${nccl.version}, ${nccl.path}`] : []),
    ...(driver ? [`      CUDA driver ${driver.version}, ${driver.path}`] : []),
    ...devices.map(({ name, uuid }, device) => `      GPU ${device}: ${name}, ${uuid}`),
  ];
}
