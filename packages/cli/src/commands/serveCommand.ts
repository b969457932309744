import { readFile } from 'node:fs/promises';

import type { Terminal } from '@scmoe/comm/launch';
import { UserError } from '@scmoe/errors';
import { Command, Option } from 'commander';

import { seconds, wholeNumber } from './parsers.js';

interface ServeFlags {
  host: string;
  port: number;
  name?: string;
  apiKeyFile?: string;
  chatTemplate?: string;
  tokenizer?: string;
  maxSequences: number;
  maxWaiting: number;
  maxTokens?: number;
  maxBody: number;
  timeout: number;
  chunkTokens: number;
  prefixCacheTokens: number;
  stepTexts?: number;
  maxWaitSteps?: number;
  gracePeriod: number;
  backend: string;
  threads?: number;
  precision: 'float32' | 'bf16';
  weightFormat: 'float32' | 'bfloat16' | 'int8';
  expertStore?: string;
  expertCacheMib: number;
  expertPrefetch: 'known' | 'guess' | 'none';
}

/** `scmoe serve`: an HTTP server over a model, for clients of OpenAI's API. */
export function serveCommand(terminal: Terminal): Command {
  return new Command('serve')
    .description("Serves a language model over HTTP, for clients of OpenAI's API.")
    .argument(
      '<folder>',
      'a run folder or checkpoint of lm-train, a folder of Hugging Face transformers, or a file of GGUF',
    )
    .addOption(
      new Option('--host <address>', 'address to listen on; any but loopback needs an API key').default('127.0.0.1'),
    )
    .addOption(port())
    .option('--name <name>', 'name under which clients ask for the model (default: that of the folder)')
    .option('--api-key-file <file>', 'file with the key that clients bring (default: $SCMOE_API_KEY, or no key)')
    .option('--chat-template <file>', "Jinja template of chats in place of the folder's own")
    .option('--tokenizer <path>', 'tokenizer.json in place of the one of a folder, or in or beside a file of GGUF')
    .option('--max-sequences <n>', 'texts generated at once', wholeNumber(1), 16)
    .option('--max-waiting <n>', 'texts that wait; further requests get status 429', wholeNumber(0), 256)
    .option(
      '--max-tokens <n>',
      'tokens that a request may ask for (default: what the model can look at)',
      wholeNumber(1),
    )
    .option('--max-body <kib>', 'largest body of a request', wholeNumber(1), 4096)
    .addOption(
      new Option('--timeout <s>', 'time that a request may take, waiting included')
        .argParser(seconds)
        .default(600_000, '600'),
    )
    .option('--chunk-tokens <n>', 'prompts are read in chunks of this many tokens', wholeNumber(1), 256)
    .option(
      '--prefix-cache-tokens <n>',
      'tokens of beginnings of prompts to keep for others alike',
      wholeNumber(0),
      16_384,
    )
    .option(
      '--step-texts <n>',
      'texts of a step, put together by their experts, with a router ahead (default: all)',
      wholeNumber(1),
    )
    .option(
      '--max-wait-steps <n>',
      'steps that a text waits for others, with --step-texts (default: 8)',
      wholeNumber(0),
    )
    .addOption(
      new Option('--grace-period <s>', 'time for requests under way when the server is told to end')
        .argParser(seconds)
        .default(30_000, '30'),
    )
    .option('--backend <name>', 'scmoe, wasm, cpu, tensorflow, or auto for the fastest there is', 'auto')
    .option('--threads <n>', "threads of the kernels (default: the machine's cores)", wholeNumber(1))
    .addOption(
      new Option('--precision <type>', 'operands of matrix products').choices(['float32', 'bf16']).default('float32'),
    )
    .addOption(
      new Option('--weight-format <type>', 'how matrices lie in memory: rounded to fewer bytes they are read sooner')
        .choices(['float32', 'bfloat16', 'int8'])
        .default('float32'),
    )
    .option('--expert-store <folder>', 'read the experts from what `scmoe experts pack` has written of this checkpoint')
    .option('--expert-cache-mib <n>', 'memory for experts of a store', wholeNumber(1), 256)
    .addOption(
      new Option('--expert-prefetch <when>', 'read experts when their route is known, guessed as well, or needed')
        .choices(['known', 'guess', 'none'])
        .default('known'),
    )
    .action((folder: string, flags: ServeFlags) => serve(folder, flags, terminal));
}

function weightsText({ weightFormat }: ServeFlags): string {
  return weightFormat === 'float32' ? '' : `, weights in ${weightFormat}`;
}

/** Serves until a signal says to end: the first lets requests come to their ends, the second doesn't. */
async function serve(folder: string, flags: ServeFlags, terminal: Terminal): Promise<void> {
  const say = (line: string) => terminal.err.write(`${line}\n`);
  // What other commands have no use for is loaded here: models, tokenizers, the HTTP server.
  const { checkServerOptions, openServedModel, startBackend, startServer } = await import('@scmoe/serve');
  const {
    host,
    port,
    name,
    chatTemplate,
    tokenizer,
    maxSequences,
    maxWaiting,
    maxTokens,
    chunkTokens,
    prefixCacheTokens,
  } = flags;
  const { stepTexts, maxWaitSteps } = flags;
  const apiKey = await apiKeyOf(flags);
  const options = {
    ...{ host, port, maxSequences, maxWaiting, chunkTokens, prefixCacheTokens },
    maxBodyBytes: flags.maxBody * 1024,
    requestTimeoutMs: flags.timeout,
    ...(apiKey !== undefined && { apiKey }),
    ...(maxTokens !== undefined && { maxTokens }),
    ...(stepTexts !== undefined && { stepTexts }),
    ...(maxWaitSteps !== undefined && { maxWaitSteps }),
  };
  // Before the model is loaded, which takes its time.
  checkServerOptions(options);
  say(await startBackend(flags));
  const experts = await openExperts(flags);
  const served = await openServedModel(folder, {
    ...(experts && { experts }),
    ...(name !== undefined && { name }),
    ...(chatTemplate !== undefined && { chatTemplateFile: chatTemplate }),
    ...(tokenizer !== undefined && { tokenizerPath: tokenizer }),
    weightFormat: flags.weightFormat,
  });
  const server = await startServer(served, options);
  const told = signals();
  try {
    say(
      `model: ${served.name}${weightsText(flags)}${served.chatTemplate ? '' : ', without a chat template: completions only'}`,
    );
    say(`key: ${apiKey === undefined ? 'none is asked for' : 'asked for'}`);
    // The one line that programs look for.
    terminal.out.write(`${server.url}\n`);
    await told.first;
    say('ending: no new requests; another signal ends those under way');
    const closed = server.close({ graceMs: flags.gracePeriod });
    void told.second.then(() => server.close({ graceMs: 0 }));
    await closed;
    served.model.dispose();
    if (experts) say(experts.summary());
    await experts?.close();
  } finally {
    told.stop();
  }
}

async function openExperts({ expertStore, expertCacheMib, expertPrefetch: prefetch }: ServeFlags) {
  if (expertStore === undefined) return undefined;
  const { openModelExperts } = await import('@scmoe/experts');
  return openModelExperts(expertStore, { cacheBytes: expertCacheMib * 2 ** 20, prefetch });
}

function port(): Option {
  return new Option('--port <n>', 'port to listen on; 0: a free one').argParser(wholeNumber(0, 65_535)).default(8000);
}

/** The key of the file, else of the environment: a command line is seen by all users of a machine. */
async function apiKeyOf({ apiKeyFile }: ServeFlags): Promise<string | undefined> {
  if (apiKeyFile === undefined) return process.env['SCMOE_API_KEY'] || undefined;
  const text = await readFile(apiKeyFile, 'utf8').catch((error: unknown) => {
    throw new UserError(`Can't read --api-key-file: ${(error as Error).message}`, { exitCode: 2, cause: error });
  });
  const key = text.trim();
  if (key === '')
    throw new UserError(`--api-key-file ${apiKeyFile}: expected a key, got an empty file.`, { exitCode: 2 });
  return key;
}

interface Signals {
  first: Promise<void>;
  second: Promise<void>;
  stop(): void;
}

function signals(): Signals {
  const heard: (() => void)[] = [];
  const next = () => new Promise<void>((resolve) => heard.push(resolve));
  const [first, second] = [next(), next()];
  const hear = () => heard.shift()?.();
  const names = ['SIGINT', 'SIGTERM'] as const;
  for (const name of names) process.on(name, hear);
  return { first, second, stop: () => names.forEach((name) => process.off(name, hear)) };
}
