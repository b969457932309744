import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { asUserError, UserError } from '@scmoe/errors';
import { type AdapterLayout, type AnyPretrained, saveAdapter, savePretrained } from '@scmoe/models';
import { addOptions, openTrainedModel, runtimeOptions, type RuntimeOptions, say, type Terminal } from '@scmoe/run';
import { makeFolder, type TokenizerDescription } from '@scmoe/trainer';
import { Command, Option } from 'commander';

import { descriptionIn } from '../openLanguageModel.js';
import { program } from '../program.js';

interface ExportOptions extends RuntimeOptions {
  to: string;
  adapter?: AdapterLayout;
  dtype: 'float32' | 'bfloat16';
}

/** The command that writes a trained model as others read it. */
export function exportCommand(terminal: Terminal): Command {
  const command = new Command('export')
    .description('Write a trained model as a folder of Hugging Face transformers, or its adapters as one of PEFT.')
    .argument('[checkpoint]', "checkpoint or run folder, or 'latest'", 'latest')
    .requiredOption('--to <folder>', 'where it is written')
    .addOption(
      new Option('--adapter <layout>', 'the adapters alone: of all experts fused, or for each expert').choices([
        'fused',
        'perExpert',
      ]),
    )
    .addOption(
      new Option('--dtype <type>', 'numbers of a whole model, its adapters merged')
        .choices(['float32', 'bfloat16'])
        .default('float32'),
    );
  addOptions(command, runtimeOptions());
  return command.action(async (path: string, options: ExportOptions) => {
    const { to, adapter: layout, dtype } = options;
    const trained = await openTrainedModel(program, path, options, terminal);
    const { model, settings } = trained;
    if (layout !== undefined) {
      if (!model.adapter)
        throw new UserError('--adapter: expected a run with adapters, got one without.', { exitCode: 2 });
      await asUserError(() => saveAdapter(model, to, { layout, base: settings.init }));
    } else {
      model.mergeAdapter();
      await asUserError(() => savePretrained(model as AnyPretrained, to, { dtype }));
      await writeTokenizer(to, descriptionIn(trained).tokenizer);
    }
    say(terminal, `written: ${to}`);
  });
}

/** The tokenizer's files, where it is one of Hugging Face. */
async function writeTokenizer(folder: string, description: TokenizerDescription): Promise<void> {
  if (description.kind !== 'huggingface') return;
  await makeFolder(folder);
  await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(description.tokenizer));
  await writeFile(join(folder, 'tokenizer_config.json'), JSON.stringify(description.config));
}
