import type { Terminal } from '@scmoe/comm/launch';
import { UserError } from '@scmoe/errors';
import { Command } from 'commander';

/** `scmoe tensorflow`: what there is of the TensorFlow below backend `tensorflow`. */
export function tensorFlowCommand(terminal: Terminal): Command {
  const doctor = new Command('doctor')
    .description('Says which TensorFlow is found, with its devices, and what to install; fails where none can be used.')
    .action(async () => {
      const { diagnoseTensorFlow } = await import('@scmoe/tensorflow');
      const { usable, lines } = diagnoseTensorFlow();
      for (const line of lines) terminal.out.write(`${line}\n`);
      if (!usable) throw new UserError('TensorFlow can not be used here', { exitCode: 1 });
    });
  return new Command('tensorflow')
    .description('Looks at the TensorFlow that backend tensorflow runs on.')
    .addCommand(doctor);
}
