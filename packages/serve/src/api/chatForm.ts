import { answerHead, finishReason, type AnswerForm, type AnswerFormOptions } from './AnswerForm.js';

/** Answers of POST /v1/chat/completions. */
export function chatForm({ model, forms, withLogprobs, includeUsage }: AnswerFormOptions): AnswerForm {
  const head = answerHead('chatcmpl', model);
  const chunk = (choice: object) => ({
    ...head,
    object: 'chat.completion.chunk',
    choices: [choice],
    ...(includeUsage && { usage: null }),
  });
  return {
    whole: (choices, usage) => ({
      ...head,
      object: 'chat.completion',
      choices: choices.map(({ text, tokens, reason }, index) => ({
        index,
        message: { role: 'assistant', content: text, refusal: null },
        logprobs: withLogprobs ? forms.chat(tokens) : null,
        finish_reason: finishReason(reason),
      })),
      usage,
    }),
    // Without log probabilities: the official client counts those beside a role twice.
    first: (index) => chunk({ index, delta: { role: 'assistant', content: '' }, logprobs: null, finish_reason: null }),
    piece: ({ index, text, tokens }) =>
      chunk({
        index,
        delta: { content: text },
        logprobs: withLogprobs && tokens ? forms.chat(tokens) : null,
        finish_reason: null,
      }),
    last: (index, reason) => chunk({ index, delta: {}, logprobs: null, finish_reason: finishReason(reason) }),
    usage: (usage) => ({ ...head, object: 'chat.completion.chunk', choices: [], usage }),
  };
}
