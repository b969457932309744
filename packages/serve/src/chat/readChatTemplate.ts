import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { UserError } from '@scmoe/errors';
import { readGgufTokenizerConfig, type Tokenizer } from '@scmoe/trainer';

import { ChatTemplate, type TemplateTokens } from './ChatTemplate.js';

/**
 * The chat template of a folder: of a file that is named, else `chat_template.jinja`, else the one in
 * `tokenizer_config.json`; undefined where there is none. Of a file of GGUF the same of its folder, else the one within.
 *
 * @throws UserError where the named file can't be read; ChatTemplateError where it is no template
 */
export async function readChatTemplate(
  path: string,
  tokenizer: Tokenizer,
  file?: string,
): Promise<ChatTemplate | undefined> {
  const isGguf = path.endsWith('.gguf');
  const folder = isGguf ? dirname(path) : path;
  const within = isGguf ? await readGgufTokenizerConfig(path) : {};
  const config = { ...within, ...(await readObject(join(folder, 'tokenizer_config.json'))) };
  const source = file === undefined ? await ownTemplate(folder, config) : await namedTemplate(file);
  return source === undefined ? undefined : new ChatTemplate(source, tokenizer, tokensOf(config));
}

function namedTemplate(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((error: unknown) => {
    throw new UserError(`Can't read the chat template: ${(error as Error).message}`, { exitCode: 2, cause: error });
  });
}

async function ownTemplate(folder: string, config: Readonly<Record<string, unknown>>): Promise<string | undefined> {
  const own = await readFile(join(folder, 'chat_template.jinja'), 'utf8').catch(() => undefined);
  if (own !== undefined) return own;
  const { chat_template: template } = config;
  if (typeof template === 'string') return template;
  // Older files have several, by name.
  const named = Array.isArray(template) ? (template as { name?: unknown; template?: unknown }[]) : [];
  const found = named.find(({ name }) => name === 'default')?.template;
  return typeof found === 'string' ? found : undefined;
}

/** `bos_token` and its like: a text, or an object that has it as its content. */
function tokensOf(config: Readonly<Record<string, unknown>>): TemplateTokens {
  const entries = Object.entries(config).flatMap(([name, value]): [string, string][] => {
    if (!/^(bos|eos|pad|unk|sep|cls|mask)_token$/.test(name)) return [];
    const content = typeof value === 'object' && value !== null ? (value as { content?: unknown }).content : value;
    return typeof content === 'string' ? [[name, content]] : [];
  });
  return Object.fromEntries(entries);
}

async function readObject(path: string): Promise<Record<string, unknown>> {
  const value: unknown = await readFile(path, 'utf8')
    .then((text) => JSON.parse(text.replace(/^\ufeff/, '')) as unknown)
    .catch(() => ({}));
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
