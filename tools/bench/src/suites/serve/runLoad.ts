import { setMaxListeners } from 'node:events';

import OpenAI, { APIError } from 'openai';

/** What clients are to do, and against whom. */
export interface LoadOptions {
  /** Address of the API, with its `/v1`. */
  url: string;
  model: string;
  apiKey: string;
  clients: number;
  seconds: number;
}

/** What came of it. */
export interface LoadResult {
  seconds: number;
  /** Answers that came whole, by the tokens that they had. */
  answers: number;
  tokens: number;
  /** Requests that their client gave up in the middle, on purpose. */
  left: number;
  /** Requests that were under way when the time was over. */
  cut: number;
  /** Refusals because of too many requests. */
  refused: number;
  /** Everything else, with how often it came. */
  errors: Map<string, number>;
  /** Times of streams, in ms. */
  firstTokenMs: number[];
  totalMs: number[];
  /** Resident bytes of the server in the course of time; none where it doesn't tell. */
  memory: { second: number; bytes: number }[];
}

/**
 * Lets official clients of OpenAI's API ask one request after the other, half of them as streams; one in twenty streams is given up in
 * the middle. They try nothing again by themselves, so that refusals are counted.
 */
export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  const { clients, seconds } = options;
  const result: LoadResult = {
    ...{
      seconds,
      answers: 0,
      tokens: 0,
      left: 0,
      cut: 0,
      refused: 0,
      errors: new Map(),
      firstTokenMs: [],
      totalMs: [],
      memory: [],
    },
  };
  const begin = performance.now();
  const isOver = () => performance.now() - begin > 1000 * seconds;
  const watch = watchMemory(options, result, begin, isOver);
  const end = new AbortController();
  // A client listens, and so does its connection.
  setMaxListeners(2 * clients, end.signal);
  const timer = setTimeout(() => end.abort(), 1000 * seconds);
  await Promise.all(
    Array.from({ length: clients }, async (_, client) => {
      const openai = new OpenAI({ baseURL: options.url, apiKey: options.apiKey, maxRetries: 0 });
      for (let turn = 0; !end.signal.aborted; turn++)
        await ask(openai, { model: options.model, client, turn }, result, end.signal);
    }),
  );
  clearTimeout(timer);
  result.seconds = (performance.now() - begin) / 1000;
  await watch;
  return result;
}

/** Prompts and lengths that depend on client and turn alone: every server gets the same. */
async function ask(
  openai: OpenAI,
  { model, client, turn }: { model: string; client: number; turn: number },
  result: LoadResult,
  end: AbortSignal,
): Promise<void> {
  const number = client * 7919 + turn * 104_729;
  const stream = number % 2 === 0;
  const leaves = stream && (number / 2) % 20 === 0;
  const asked = {
    model,
    prompt: `${number} `.repeat(4 + (number % 24)),
    max_tokens: 16 + (number % 49),
    temperature: 0.8,
    seed: number,
  };
  const begin = performance.now();
  const firstToken = () => result.firstTokenMs.push(performance.now() - begin);
  try {
    const tokens = stream
      ? await readStream(openai, asked, { end, firstToken, mostChunks: leaves ? 4 : Infinity })
      : (await openai.completions.create(asked, { signal: end })).usage!.completion_tokens;
    if (tokens === undefined) {
      result.left++;
      return;
    }
    result.answers++;
    result.tokens += tokens;
    result.totalMs.push(performance.now() - begin);
  } catch (error) {
    if (end.aborted) result.cut++;
    else if (error instanceof APIError && error.status === 429) {
      result.refused++;
      await new Promise((resolve) => setTimeout(resolve, 500));
    } else count(result, messageOf(error as Error));
  }
}

/** The message of an error, with that of its cause: `Connection error.` alone says little. */
function messageOf({ message, cause }: Error): string {
  return cause instanceof Error ? `${message}: ${messageOf(cause)}` : message;
}

/** Tokens that the stream's usage tells; undefined where its reader left. @throws where it ends without it */
async function readStream(
  openai: OpenAI,
  asked: OpenAI.CompletionCreateParamsNonStreaming,
  { end, firstToken, mostChunks }: { end: AbortSignal; firstToken: () => void; mostChunks: number },
): Promise<number | undefined> {
  const body = { ...asked, stream: true, stream_options: { include_usage: true } } as const;
  let [chunks, tokens] = [0, -1];
  for await (const chunk of await openai.completions.create(body, { signal: end })) {
    if (chunk.usage) tokens = chunk.usage.completion_tokens;
    else if (++chunks === 1) firstToken();
    // Leaving the loop closes the connection.
    if (chunks > mostChunks) return undefined;
  }
  // The client says nothing of a signal that ends a stream.
  end.throwIfAborted();
  if (tokens < 0) throw new Error('a stream without usage');
  return tokens;
}

async function watchMemory(
  { url, apiKey }: LoadOptions,
  { memory }: LoadResult,
  begin: number,
  isOver: () => boolean,
): Promise<void> {
  while (!isOver()) {
    const text = await fetch(new URL('/metrics', url), { headers: { authorization: `Bearer ${apiKey}` } })
      .then((response) => response.text())
      .catch(() => '');
    const bytes = Number(/^process_resident_memory_bytes (\S+)/m.exec(text)?.[1]);
    if (bytes > 0) memory.push({ second: (performance.now() - begin) / 1000, bytes });
    await new Promise((resolve) => setTimeout(resolve, 5000));
  }
}

function count({ errors }: LoadResult, what: string): void {
  errors.set(what, (errors.get(what) ?? 0) + 1);
}
