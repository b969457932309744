import { asUserError, UserError } from '@scmoe/errors';
import { isPretrainedFolder, LanguageModel, readPretrainedConfig } from '@scmoe/models';
import { expertOptions, type OptionGroup } from '@scmoe/run';
import { findCheckpoint, loadCheckpoint, readIndex } from '@scmoe/trainer';

import type { DataDescription } from '../data/loadData.js';
import { modelOptions } from '../options/modelOptions.js';
import type { Settings } from '../options/Settings.js';
import { distillOptions } from './distillOptions.js';

/**
 * Settings of a run that learns from a teacher. The teacher's checkpoint is fixed, whatever its run does later; a student of a run of
 * ours has its options where none are given.
 *
 * @throws UserError for a teacher that is not there, and for options that it decides or that are for one
 */
export async function teacherSettings(settings: Settings, given: (name: string) => boolean): Promise<Settings> {
  const fail = (name: string, expected: string) => {
    throw new UserError(`${name}: expected ${expected}.`, { exitCode: 2 });
  };
  const { teacher, init, studentStart } = settings;
  if (teacher === undefined) {
    const alone = distillOptions().options.find((option) => given(option.attributeName()));
    if (alone) fail(alone.attributeName(), '--teacher <path> beside it');
    return settings;
  }
  if (init !== undefined && studentStart === 'teacher')
    fail('studentStart', 'fresh or nothing beside --init, which is what the student starts from');
  if (await isPretrainedFolder(teacher)) {
    if (init === undefined && studentStart === 'teacher')
      fail('studentStart', `fresh beside a teacher of transformers; --init ${teacher} makes its copy the student`);
    const own = init === undefined && !given('tokenizer') && { tokenizer: teacher };
    return { ...settings, ...own };
  }
  const path = await findCheckpoint(teacher);
  const { config } = await readIndex(path);
  if (init !== undefined) return { ...settings, teacher: path };
  if (given('tokenizer')) fail('tokenizer', 'none beside a teacher, whose tokenizer the student has');
  const ofModel = [modelOptions(), ...expertOptions()].flatMap(namesOf).filter((name) => !given(name));
  const theirs = Object.fromEntries(ofModel.flatMap((name) => (name in config ? [[name, config[name]]] : [])));
  return { ...settings, ...theirs, teacher: path };
}

/** What the data of a student are described by before they are read: the teacher's tokenizer, and its vocabulary. */
export async function describedByTeacher({
  teacher,
  init,
}: Settings): Promise<{ tokenizer?: DataDescription['tokenizer']; vocabSize: number } | undefined> {
  if (teacher === undefined || init !== undefined) return undefined;
  if (await isPretrainedFolder(teacher)) {
    const config = await asUserError(() => readPretrainedConfig(teacher, { as: LanguageModel }));
    return { vocabSize: (config as { vocabSize: number }).vocabSize };
  }
  const { dataDescription } = await loadCheckpoint(teacher, { skip: () => true });
  const { tokenizer, vocabSize, model } = dataDescription as unknown as DataDescription;
  return { tokenizer, vocabSize: (model?.config as { vocabSize?: number } | undefined)?.vocabSize ?? vocabSize };
}

function namesOf({ options }: OptionGroup): string[] {
  return options.map((option) => option.attributeName());
}
