import { UserError } from '@scmoe/errors';
import { trainCommand } from '@scmoe/run';

import { program } from '../program.js';

/** The command that trains a student from a teacher: `train`, of which a teacher is asked. */
export const distillCommand = trainCommand(program, {
  name: 'distill',
  description:
    "Train a student to predict what a teacher does: the teacher's own weights in another connectivity, or a model of another kind.",
  check: ({ teacher }, isResumed) => {
    if (teacher === undefined && !isResumed)
      throw new UserError(
        'teacher: expected --teacher <path>, a run folder, a checkpoint or a folder of transformers.',
        {
          exitCode: 2,
        },
      );
  },
});
