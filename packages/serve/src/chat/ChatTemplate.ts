import { Template } from '@huggingface/jinja';
import { ScmoeError } from '@scmoe/errors';
import type { Tokenizer } from '@scmoe/trainer';

import type { ChatMessage } from '../api/chatRequest.js';
import { controlTokens } from './controlTokens.js';
import { pythonFunctions } from './pythonFunctions.js';
import { withPythonMeaning } from './withPythonMeaning.js';

/** Messages that a template refuses, or a template that is none; the message is the template's own where it has one. */
export class ChatTemplateError extends ScmoeError {
  override readonly name: string = 'ChatTemplateError';
}

/** Names of control tokens that templates ask for, by the names of transformers. */
export type TemplateTokens = Readonly<Record<string, string>>;

/** Put into what users write where it would spell a control token; a character that Unicode keeps for private use. */
const mark = '\u{10f8ff}';

/**
 * A chat template, in Jinja as Hugging Face has them: messages to the tokens of a prompt. What the template writes may be a
 * control token; what a message says never is, however it is spelled: nobody can end a turn, or speak as somebody else.
 */
export class ChatTemplate {
  private readonly template: Template;
  private readonly spellings: RegExp | undefined;

  /** @throws ChatTemplateError where the source is no template */
  constructor(
    source: string,
    private readonly tokenizer: Tokenizer,
    private readonly tokens: TemplateTokens = {},
  ) {
    try {
      // The engine takes \r\n for two lines, of which it trims one.
      this.template = new Template(source.replace(/\r\n/g, '\n'));
      // Its type is in a file that TypeScript does not find.
      withPythonMeaning((this.template as unknown as { readonly parsed: object }).parsed);
    } catch (error) {
      throw new ChatTemplateError(`Can't read the chat template: ${(error as Error).message}`, { cause: error });
    }
    const contents = controlTokens(tokenizer).map(({ content }) => content);
    const longestFirst = contents.filter((content) => content !== '').sort((a, b) => b.length - a.length);
    if (longestFirst.length > 0)
      this.spellings = new RegExp(
        longestFirst.map((content) => content.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')).join('|'),
        'gu',
      );
  }

  /** Tokens of a prompt that asks for the next answer. @throws ChatTemplateError where the template refuses the messages */
  encode(messages: readonly ChatMessage[]): number[] {
    const text = this.render(messages.map((message) => this.guarded(message)));
    // At a mark the text is cut, so that what is spelled across it is no token.
    return text
      .split(mark)
      .filter((piece) => piece !== '')
      .flatMap((piece) => Array.from(this.tokenizer.encode(Buffer.from(piece), { allowSpecial: true })));
  }

  private render(messages: readonly ChatMessage[]): string {
    try {
      return this.template.render({
        messages: messages.map((message) => ({ ...message })),
        add_generation_prompt: true,
        tools: null,
        documents: null,
        ...this.tokens,
        ...pythonFunctions,
      });
    } catch (error) {
      throw new ChatTemplateError(`The chat template refuses these messages: ${(error as Error).message}`, {
        cause: error,
      });
    }
  }

  private guarded({ role, content, name }: ChatMessage): ChatMessage {
    const guard = (text: string) => this.guard(text);
    return { role, content: guard(content), ...(name !== undefined && { name: guard(name) }) };
  }

  private guard(text: string): string {
    let guarded = text.replaceAll(mark, '');
    // Again until none is left: behind a mark another spelling may begin.
    while (this.spellings && guarded.search(this.spellings) >= 0) {
      guarded = guarded.replace(this.spellings, (found) => {
        const first = String.fromCodePoint(found.codePointAt(0)!);
        return found === first ? '' : `${first}${mark}${found.slice(first.length)}`;
      });
    }
    return guarded;
  }
}
