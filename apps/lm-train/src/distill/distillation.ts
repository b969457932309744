import { asUserError, UserError } from '@scmoe/errors';
import { isPretrainedFolder, LanguageModel, loadPretrained, takeParameters } from '@scmoe/models';
import { count, type Objective, openModel, say, type Terminal, type TrainingProgram } from '@scmoe/run';
import { readHuggingFaceTokenizer } from '@scmoe/trainer';

import type { DataDescription } from '../data/loadData.js';
import type { LanguageTypes } from '../LanguageTypes.js';
import type { Settings } from '../options/Settings.js';

/**
 * The objective of a student: its loss, mixed with the distance to the scores of a teacher that is asked in evaluation mode, without
 * a gradient, whole on every rank. A student that begins takes the teacher's parameters, unless settings say otherwise.
 *
 * @throws UserError for a teacher that can't be read, or that knows other tokens or shorter sequences
 */
export async function distillation(
  program: TrainingProgram<LanguageTypes>,
  student: LanguageModel<object>,
  settings: Settings,
  { described, isFresh, terminal }: { described: DataDescription; isFresh: boolean; terminal: Terminal },
): Promise<Objective<LanguageTypes> | undefined> {
  const { teacher: path, init, klWeight: weight, klTemperature: temperature } = settings;
  if (path === undefined) return undefined;
  const { teacher, tokenizer } = await openTeacher(program, path);
  teacher.mergeAdapter();
  const [theirs, own] = [teacher, student].map(({ config }) => config as { vocabSize: number; sequenceLength: number });
  const isSame = JSON.stringify(tokenizer) === JSON.stringify(described.tokenizer);
  if (theirs!.vocabSize !== own!.vocabSize || !isSame)
    throw new UserError(
      `teacher: expected the vocabulary of the student, ${own!.vocabSize} tokens of its ${described.tokenizer.kind} tokenizer, ` +
        `got ${theirs!.vocabSize} of ${isSame ? 'the same' : `another one (${tokenizer.kind})`}: ${path}`,
      { exitCode: 2 },
    );
  if (theirs!.sequenceLength < settings.sequenceLength)
    throw new UserError(
      `teacher: expected one that reads ${settings.sequenceLength} tokens at once, as --sequence-length says, got ${theirs!.sequenceLength}: ${path}`,
      { exitCode: 2 },
    );
  const isRun = !(await isPretrainedFolder(path));
  say(terminal, `teacher: ${path}`);
  const start = settings.studentStart ?? (isRun && init === undefined ? 'teacher' : 'fresh');
  if (isFresh && start === 'teacher') startFromTeacher(student, teacher, terminal);
  return {
    loss: (batch, options) => {
      const { distillation, ...pass } = student.loss(batch, { ...options, distill: { teacher, weight, temperature } });
      return { ...pass, metrics: distillation };
    },
  };
}

/** Gives a student the parameters of its teacher that it has, and says so. @throws UserError where one is of another shape */
function startFromTeacher(student: LanguageModel<object>, teacher: LanguageModel<object>, terminal: Terminal): void {
  try {
    const { taken, left } = takeParameters(student, teacher);
    const kinds = [...new Set(left.map((name) => name.replace(/^block\d+\./, '')))];
    const rest = kinds.length > 0 ? `; fresh: ${kinds.join(', ')}` : '';
    say(terminal, `start: ${count(taken.length)} parameters of the teacher${rest}`);
  } catch (error) {
    const cure = 'with --student-start fresh a student may have others';
    throw new UserError(`studentStart: ${(error as Error).message}; ${cure}.`, { exitCode: 2, cause: error });
  }
}

async function openTeacher(program: TrainingProgram<LanguageTypes>, path: string) {
  if (await isPretrainedFolder(path)) {
    const { description } = await asUserError(() => readHuggingFaceTokenizer(path));
    return { teacher: await asUserError(() => loadPretrained(path, { as: LanguageModel })), tokenizer: description };
  }
  const { model, checkpoint } = await openModel(program, path, '');
  const { tokenizer } = checkpoint.dataDescription as unknown as DataDescription;
  return { teacher: model, tokenizer };
}
