import { absolutePath, type OptionGroup, optionsOf, realNumber } from '@scmoe/run';

/** Options of a run that learns from a model: which one, and how. */
export interface DistillSettings {
  /** A checkpoint of ours, or a folder of transformers. */
  teacher?: string;
  klWeight?: number;
  klTemperature?: number;
  studentStart?: 'teacher' | 'fresh';
}

/** The options of `DistillSettings`. */
export function distillOptions(): OptionGroup {
  const options = optionsOf([
    [
      '--teacher <path>',
      "learn from this model, which stays as it is: a checkpoint or run folder, whose options of model, experts and tokenizer are the student's where none are given, or a folder of transformers with the same vocabulary",
      (o) => o.argParser(absolutePath),
    ],
    [
      '--kl-weight <x>',
      'share of the teacher in the loss, KL(teacher || student); the rest is cross-entropy (default: 0.9)',
      (o) => o.argParser(realNumber(0, { maximum: 1 })),
    ],
    [
      '--kl-temperature <x>',
      'what the scores of both are divided by in the KL, which counts its square (default: 1)',
      (o) => o.argParser(realNumber(0, { exclusive: true })),
    ],
    [
      '--student-start <from>',
      "the student's first parameters: the teacher's, where it has one of the name, or fresh ones (default: teacher, of a run)",
      (o) => o.choices(['teacher', 'fresh']),
    ],
  ]);
  return { title: 'Distillation', options, fixed: 'all', local: ['teacher'] };
}
