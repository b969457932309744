import { setMaxListeners } from 'node:events';

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

/** Lets clients ask one request after the other, half of them as streams; one in twenty streams is given up in the middle. */
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
  // A listener for each client.
  setMaxListeners(clients, end.signal);
  const timer = setTimeout(() => end.abort(), 1000 * seconds);
  await Promise.all(
    Array.from({ length: clients }, async (_, client) => {
      for (let turn = 0; !end.signal.aborted; turn++) await ask(options, { client, turn }, result, end.signal);
    }),
  );
  clearTimeout(timer);
  result.seconds = (performance.now() - begin) / 1000;
  await watch;
  return result;
}

/** Prompts and lengths that depend on client and turn alone: every server gets the same. */
async function ask(
  options: LoadOptions,
  { client, turn }: { client: number; turn: number },
  result: LoadResult,
  end: AbortSignal,
): Promise<void> {
  const number = client * 7919 + turn * 104_729;
  const stream = number % 2 === 0;
  const leaves = stream && (number / 2) % 20 === 0;
  const body = {
    model: options.model,
    prompt: `${number} `.repeat(4 + (number % 24)),
    max_tokens: 16 + (number % 49),
    temperature: 0.8,
    seed: number,
    stream,
    ...(stream && { stream_options: { include_usage: true } }),
  };
  const begin = performance.now();
  const controller = new AbortController();
  const cut = () => controller.abort();
  end.addEventListener('abort', cut);
  try {
    const response = await fetch(`${options.url}/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${options.apiKey}` },
      body: JSON.stringify(body),
      signal: controller.signal,
    });
    if (!response.ok) {
      await response.text();
      if (response.status !== 429) return count(result, `status ${response.status}`);
      result.refused++;
      return await new Promise((resolve) => setTimeout(resolve, 500));
    }
    const tokens = stream
      ? await readStream(response, (chunks) => {
          if (chunks === 1) result.firstTokenMs.push(performance.now() - begin);
          if (chunks < 5 || !leaves) return true;
          controller.abort();
          return false;
        })
      : ((await response.json()) as { usage: { completion_tokens: number } }).usage.completion_tokens;
    if (tokens === undefined) {
      result.left++;
      return;
    }
    result.answers++;
    result.tokens += tokens;
    result.totalMs.push(performance.now() - begin);
  } catch (error) {
    if (end.aborted) result.cut++;
    else if (controller.signal.aborted) result.left++;
    else count(result, messageOf(error as Error));
  } finally {
    end.removeEventListener('abort', cut);
  }
}

/** The message of an error, with that of its cause: `fetch failed` alone says little. */
function messageOf({ message, cause }: Error): string {
  return cause instanceof Error ? `${message}: ${cause.message}` : message;
}

/** Tokens that the stream's usage tells; undefined where its reader left. @throws where it ends otherwise than it should */
async function readStream(response: Response, onChunk: (chunks: number) => boolean): Promise<number | undefined> {
  const decoder = new TextDecoder();
  let [text, chunks, tokens] = ['', 0, -1];
  for await (const bytes of response.body!) {
    text += decoder.decode(bytes as Uint8Array, { stream: true });
    const events = text.split('\n\n');
    text = events.pop()!;
    for (const event of events) {
      const data = /^data: (.*)$/.exec(event)?.[1];
      if (data === undefined) continue;
      if (data === '[DONE]') {
        if (tokens < 0) throw new Error('a stream without usage');
        return tokens;
      }
      const chunk = JSON.parse(data) as { error?: { message: string }; usage?: { completion_tokens: number } | null };
      if (chunk.error) throw new Error(chunk.error.message);
      if (chunk.usage) tokens = chunk.usage.completion_tokens;
      else if (!onChunk(++chunks)) return undefined;
    }
  }
  throw new Error('a stream without [DONE]');
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
