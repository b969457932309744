import { answerHead, finishReason, type AnswerForm, type AnswerFormOptions } from './AnswerForm.js';

/** Answers of POST /v1/completions. */
export function completionForm({ model, forms, withLogprobs, includeUsage }: AnswerFormOptions): AnswerForm {
  const head = { ...answerHead('cmpl', model), object: 'text_completion' };
  const chunk = (choice: object) => ({ ...head, choices: [choice], ...(includeUsage && { usage: null }) });
  return {
    whole: (choices, usage) => ({
      ...head,
      choices: choices.map(({ text, tokens, reason }, index) => ({
        index,
        text,
        logprobs: withLogprobs ? forms.completion(tokens, 0) : null,
        finish_reason: finishReason(reason),
      })),
      usage,
    }),
    first: () => undefined,
    piece: ({ index, text, tokens, offset }) =>
      chunk({
        index,
        text,
        logprobs: withLogprobs && tokens ? forms.completion(tokens, offset) : null,
        finish_reason: null,
      }),
    last: (index, reason) => chunk({ index, text: '', logprobs: null, finish_reason: finishReason(reason) }),
    usage: (usage) => ({ ...head, choices: [], usage }),
  };
}
