import { GenerationEngine, type GenerationEngineOptions, type Gpt } from '@scmoe/models';

/** What was written, and in which steps. */
export interface WrittenTexts {
  /** The tokens of each text. */
  texts: number[][];
  /** The experts of each token of each step. */
  steps: (readonly number[])[][];
  /** The most steps that a text had to wait for its next token. */
  longestWait: number;
}

/** Writes a text to each prompt, with steps of texts that are put together by their experts, and looks at the steps. */
export async function writeTexts(
  model: Gpt,
  prompts: readonly number[][],
  { maxNewTokens, ...limits }: { maxNewTokens: number } & GenerationEngineOptions,
): Promise<WrittenTexts> {
  const own = model.predictor();
  const steps: (readonly number[])[][] = [];
  const last = new Map<object, number>();
  let longestWait = 0;
  const engine = new GenerationEngine(
    {
      ...own,
      advance: (parts) => {
        for (const { cache } of parts) {
          longestWait = Math.max(longestWait, steps.length - 1 - (last.get(cache) ?? steps.length - 1));
          last.set(cache, steps.length);
        }
        steps.push(parts.map(({ route }) => route!.experts));
        return own.advance(parts);
      },
    },
    limits,
  );
  const started = prompts.map((prompt, seed) => engine.start(prompt, { maxNewTokens, seed }));
  const texts = await Promise.all(
    started.map(async (text) => {
      const tokens: number[] = [];
      for await (const { token } of text) tokens.push(token);
      return tokens;
    }),
  );
  await engine.close();
  return { texts, steps, longestWait };
}
