import { asUserError, plainText, UserError } from '@scmoe/errors';
import {
  addOptions,
  count,
  generationDispatch,
  generationRankOptions,
  type GenerationRankFlags,
  joinRanks,
  type Ranks,
  realNumber,
  runtimeOptions,
  type RuntimeOptions,
  say,
  type Terminal,
  wholeNumber,
} from '@scmoe/run';
import { weightFormats, type WeightFormat } from '@scmoe/tensor';
import type { Tokenizer } from '@scmoe/trainer';
import { Command, Option } from 'commander';

import { openLanguageModel } from '../openLanguageModel.js';
import { tokenizerOption } from '../options/tokenizerOption.js';
import { expertStore, type ExpertStoreFlags } from '../options/expertStoreOptions.js';
import { sampleText, type SampleTextOptions } from '../sampleText.js';

type GenerateOptions = RuntimeOptions &
  SampleTextOptions &
  ExpertStoreFlags &
  GenerationRankFlags & {
    prompt: string;
    chat?: boolean;
    chatTemplate?: string;
    adapter?: string;
    tokenizer?: string;
    weightFormat: WeightFormat;
  };

const collected = (text: string, before: string[] = []) => [...before, text];

/** The command that writes text. */
export function generateCommand(terminal: Terminal): Command {
  const command = new Command('generate')
    .description('Write text with a trained model, token by token. Only the text goes to the standard output.')
    .argument(
      '[checkpoint]',
      "checkpoint or run folder, a folder of transformers, a file of GGUF, or 'latest'",
      'latest',
    )
    .option('--adapter <folder>', 'with a folder of transformers: adapters of PEFT')
    .addOption(tokenizerOption())
    .option('--prompt <text>', 'text to go on from (default: the start of a document)', '')
    .option(
      '--chat',
      "the prompt is what a user says: the model's chat template is put around it, and the answer ends where it does",
    )
    .option('--chat-template <file>', "with --chat: Jinja template in place of the folder's own")
    .option('--max-tokens <n>', 'tokens to write at most', wholeNumber(1), 500)
    .option('--temperature <x>', 'sharpness of the choice; 0: always the likeliest token', realNumber(0), 0.8)
    .option('--top-k <n>', 'choose among the k likeliest tokens', wholeNumber(1))
    .option(
      '--top-p <x>',
      'choose among the likeliest tokens that together have this probability',
      realNumber(0, { exclusive: true, maximum: 1 }),
    )
    .option(
      '--min-p <x>',
      'choose among tokens at least this share as likely as the likeliest',
      realNumber(0, { maximum: 1 }),
    )
    .option(
      '--typical-p <x>',
      'choose among the most typical tokens that together have this probability',
      realNumber(0, { exclusive: true, maximum: 1 }),
    )
    .option(
      '--repetition-penalty <x>',
      'above 1: tokens of prompt and text become less likely',
      realNumber(0, { exclusive: true }),
    )
    .option(
      '--frequency-penalty <x>',
      'taken from the score of a token for each time it was written',
      realNumber(-2, { maximum: 2 }),
    )
    .option(
      '--presence-penalty <x>',
      'taken from the score of each token that was written',
      realNumber(-2, { maximum: 2 }),
    )
    .option('--stop <text>', 'end before this text; may be given several times', collected)
    .option('--stop-at-end', 'end where the model ends a document, instead of going on with another one')
    .option('--seed <n>', 'seed of the choice', wholeNumber(0), 1)
    .addOption(
      new Option('--weight-format <type>', 'how matrices lie in memory: rounded to fewer bytes they are read sooner')
        .choices(weightFormats)
        .default('float32'),
    );
  addOptions(command, expertStore.options);
  addOptions(command, runtimeOptions());
  addOptions(command, generationRankOptions());
  return command.action(async (path: string, options: GenerateOptions) => {
    const ranks = await joinRanks(options, terminal);
    try {
      await asUserError(() => generate(path, options, ranks));
    } finally {
      await ranks.close();
    }
  });
}

/** Writes the text of one command line, with other ranks where there are any: all of them compute it, the first writes it. */
async function generate(path: string, options: GenerateOptions, ranks: Ranks): Promise<void> {
  const { terminal, groups } = ranks;
  const aside = { ...terminal, out: terminal.err };
  if (groups && options.expertStore !== undefined)
    throw new UserError('--expert-store: expected none on several ranks, which share the experts out.', {
      exitCode: 2,
    });
  if (ranks.line) say(aside, ranks.line);
  const experts = await expertStore.open(options);
  const shard = groups && { rank: groups.experts.rank, size: groups.experts.size };
  const opened = await openLanguageModel(path, { ...options, ...(shard && { shard }) }, aside, experts);
  const { model, tokenizer, endTokens, addSpecialTokens } = opened;
  const prompt = await promptOf(path, tokenizer, options);
  model.storeWeights(options.weightFormat);
  terminal.out.write(options.prompt);
  const start = performance.now();
  const { maxTokens, seed, stop, chat = false, stopAtEnd = chat, temperature, topK, topP, minP, typicalP } = options;
  const { repetitionPenalty, frequencyPenalty, presencePenalty } = options;
  const sampling = { temperature, topK, topP, minP, typicalP, repetitionPenalty, frequencyPenalty, presencePenalty };
  const how = { maxTokens, seed, stop, stopAtEnd, endTokens, addSpecialTokens, ...sampling };
  const dispatch = generationDispatch(model, options, ranks);
  // What a terminal would obey, which a model of bytes may well write, is left out there.
  const write = (text: string) => terminal.out.write(terminal.out.isTTY ? plainText(text) : text);
  const numTokens = await sampleText(model, tokenizer, prompt, { ...how, ...dispatch }, write);
  terminal.out.write('\n');
  const seconds = (performance.now() - start) / 1000;
  terminal.err.write(`${count(numTokens)} tokens, ${count(numTokens / seconds)} tokens/s\n`);
  if (experts) terminal.err.write(`${experts.summary()}\n`);
  await experts?.close();
}

/** The tokens of a chat's first turn, or the prompt as it is. @throws UserError where there is no template */
async function promptOf(
  path: string,
  tokenizer: Tokenizer,
  { prompt, chat = false, chatTemplate }: Pick<GenerateOptions, 'prompt' | 'chat' | 'chatTemplate'>,
): Promise<string | number[]> {
  if (!chat) {
    if (chatTemplate === undefined) return prompt;
    throw new UserError('chatTemplate: expected --chat beside it.', { exitCode: 2 });
  }
  // The server's, which is loaded where it is asked for.
  const { readChatTemplate } = await import('@scmoe/serve');
  const template = await readChatTemplate(path, tokenizer, chatTemplate);
  if (!template)
    throw new UserError(
      `${path}: expected a chat template, in chat_template.jinja or tokenizer_config.json, or named by --chat-template <file>.`,
      { exitCode: 2 },
    );
  return template.encode([{ role: 'user', content: prompt }]);
}
