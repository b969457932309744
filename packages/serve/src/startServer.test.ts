import { request as httpRequest } from 'node:http';

import { useBackend } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';
import OpenAI from 'openai';

import type { ServedModel } from './model/ServedModel.js';
import type { ServerOptions } from './server/ServerOptions.js';
import { startServer, type RunningServer } from './startServer.js';
import { tinyModel } from './testing/tinyModel.js';

let served: ServedModel;
beforeAll(async () => {
  await useBackend('auto', { threads: 1 });
  served = tinyModel();
});
afterAll(() => served.model.dispose());

const apiKey = 'sk-test-0123456789';
const messages = [{ role: 'user' as const, content: 'What is it?' }];

/** A client without second tries: every answer is seen. */
const clientOf = (server: RunningServer, key = apiKey) =>
  new OpenAI({ baseURL: server.url, apiKey: key, maxRetries: 0 });

async function withServer<T>(
  options: ServerOptions,
  use: (client: OpenAI, server: RunningServer) => Promise<T>,
  model = served,
): Promise<T> {
  const server = await startServer(model, { port: 0, apiKey, ...options });
  try {
    return await use(clientOf(server), server);
  } finally {
    await server.close({ graceMs: 0 });
  }
}

/** A request as no client of ours would make it. */
const post = async (server: RunningServer, path: string, body: string, headers: Record<string, string> = {}) => {
  const response = await fetch(`${server.url}${path}`, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json', authorization: `Bearer ${apiKey}`, ...headers },
  });
  return { status: response.status, body: (await response.json()) as { error: Record<string, unknown> } };
};

const metric = async (server: RunningServer, name: string) => {
  const url = new URL('/metrics', server.url);
  const text = await (await fetch(url, { headers: { authorization: `Bearer ${apiKey}` } })).text();
  return Number(new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1]);
};

async function chunksOf<Chunk>(stream: AsyncIterable<Chunk>): Promise<Chunk[]> {
  const chunks: Chunk[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

/** Resolves when it holds. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 10));
}

describe('the official client', () => {
  it('finds the model', async () => {
    await withServer({}, async (client) => {
      expect((await client.models.list()).data.map(({ id }) => id)).toEqual(['tiny']);
      expect(await client.models.retrieve('tiny')).toMatchObject({ id: 'tiny', object: 'model' });
      await expect(client.models.retrieve('org/other')).rejects.toMatchObject({
        status: 404,
        code: 'model_not_found',
      });
    });
  });

  it('finds a model whose name has a slash', async () => {
    await withServer({}, async (client) => expect((await client.models.retrieve('org/tiny')).id).toBe('org/tiny'), {
      ...served,
      name: 'org/tiny',
    });
  });

  it('gets the same chat whole and as a stream, with usage only where it is asked for', async () => {
    await withServer({}, async (client) => {
      const asked = { model: 'tiny', messages, max_completion_tokens: 12, temperature: 0 };
      const whole = await client.chat.completions.create(asked);
      const choice = whole.choices[0]!;
      expect(choice).toMatchObject({ index: 0, finish_reason: 'length', logprobs: null });
      expect(choice.message).toMatchObject({ role: 'assistant', refusal: null });
      expect(choice.message.content).toHaveLength(12);
      expect(whole.usage).toEqual({ prompt_tokens: 29, completion_tokens: 12, total_tokens: 41 });

      const chunks = await chunksOf(await client.chat.completions.create({ ...asked, stream: true }));
      expect(chunks.map((chunk) => chunk.choices[0]!.delta.content ?? '').join('')).toBe(choice.message.content);
      expect(chunks[0]!.choices[0]!.delta).toEqual({ role: 'assistant', content: '' });
      expect(chunks.every(({ choices }) => choices[0]!.index === 0)).toBe(true);
      expect(chunks.map(({ choices }) => choices[0]!.finish_reason).filter(Boolean)).toEqual(['length']);
      expect(chunks.some((chunk) => 'usage' in chunk)).toBe(false);

      const withUsage = await chunksOf(
        await client.chat.completions.create({ ...asked, stream: true, stream_options: { include_usage: true } }),
      );
      expect(withUsage.at(-1)).toMatchObject({ choices: [], usage: whole.usage });
      expect(withUsage.slice(0, -1).every(({ usage }) => usage === null)).toBe(true);

      const final = await client.chat.completions.stream(asked).finalChatCompletion();
      expect(final.choices[0]!.message.content).toBe(choice.message.content);
    });
  });

  it('gets several texts of several prompts, each under its index, the same for the same seed', async () => {
    await withServer({}, async (client) => {
      const asked = { model: 'tiny', prompt: ['ab', 'xyz'], n: 2, max_tokens: 9, temperature: 1.5, seed: 3 };
      const { choices, usage } = await client.completions.create(asked);
      expect(choices.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
      expect(new Set(choices.map(({ text }) => text)).size).toBe(4);
      expect(usage!.prompt_tokens).toBe(5);
      const again = ['', '', '', ''];
      for await (const chunk of await client.completions.create({ ...asked, stream: true }))
        for (const { index, text } of chunk.choices) again[index] += text;
      expect(again).toEqual(choices.map(({ text }) => text));
      const one = await client.completions.create({ ...asked, prompt: 'ab', n: 1 });
      expect(one.choices[0]!.text).toBe(choices[0]!.text);
      const ids = await client.completions.create({ ...asked, prompt: [1, 2], n: 1 });
      expect(ids.choices[0]!.text).toBe(choices[0]!.text);
    });
  });

  it('gets log probabilities in the form of each endpoint', async () => {
    await withServer({}, async (client) => {
      const asked = { model: 'tiny', messages, max_tokens: 3, temperature: 0, logprobs: true, top_logprobs: 2 };
      const chat = await client.chat.completions.create(asked);
      const content = chat.choices[0]!.logprobs!.content!;
      expect(content.map(({ token }) => token).join('')).toBe(chat.choices[0]!.message.content);
      for (const { token, logprob, bytes, top_logprobs } of content) {
        expect(top_logprobs).toHaveLength(2);
        expect(top_logprobs[0]).toEqual({ token, logprob, bytes });
        expect(Buffer.from(bytes!).toString()).toBe(token);
        expect(logprob).toBeLessThanOrEqual(0);
      }
      const streamed = await client.chat.completions.stream(asked).finalChatCompletion();
      expect(streamed.choices[0]!.logprobs!.content).toEqual(content);

      const { choices } = await client.completions.create({ model: 'tiny', prompt: 'ab', max_tokens: 3, logprobs: 1 });
      const { tokens, token_logprobs, top_logprobs, text_offset } = choices[0]!.logprobs!;
      expect(tokens!.join('')).toBe(choices[0]!.text);
      expect([token_logprobs!.length, top_logprobs!.length, text_offset]).toEqual([3, 3, [0, 1, 2]]);
    });
  });

  it('has a text end at a stop text, at an end token, and where the model can look no further', async () => {
    await withServer({}, async (client) => {
      const asked = { model: 'tiny', prompt: 'abc', max_tokens: 20, temperature: 0 };
      const whole = (await client.completions.create(asked)).choices[0]!.text;
      const stop = whole.slice(6, 8);
      const stopped = (await client.completions.create({ ...asked, stop: ['~~', stop] })).choices[0]!;
      expect(stopped).toMatchObject({ text: whole.slice(0, whole.indexOf(stop)), finish_reason: 'stop' });

      const end = String(served.tokenizer.endOfText);
      const ended = (await client.completions.create({ ...asked, logit_bias: { [end]: 100 } })).choices[0]!;
      expect(ended).toMatchObject({ text: '', finish_reason: 'stop' });

      const full = await client.completions.create({ ...asked, max_tokens: 1000 });
      expect(full.choices[0]!.finish_reason).toBe('length');
      expect(full.usage!.total_tokens).toBe(128 + 1);
    });
  });

  it('follows penalties and biases', async () => {
    await withServer({}, async (client) => {
      const asked = { model: 'tiny', prompt: 'abc', max_tokens: 20, temperature: 0 };
      const text = async (more: object) => (await client.completions.create({ ...asked, ...more })).choices[0]!.text;
      const forced = await text({ logit_bias: { 5: 100 } });
      expect(forced).toBe(served.tokenizer.decode([5]).repeat(20));
      expect(await text({ logit_bias: { 5: 100 }, presence_penalty: 2, frequency_penalty: 2 })).toBe(forced);
      const distinct = (of: string) => new Set(of).size;
      const plain = await text({});
      expect(distinct(await text({ presence_penalty: 2, frequency_penalty: 2 }))).toBeGreaterThan(distinct(plain));
      expect(await text({ temperature: 2, top_p: 0, seed: 4 })).toBe(plain);
    });
  });

  it('ends the work when it leaves: by break, by abort, before the first chunk', async () => {
    await withServer({ maxSequences: 1 }, async (client, server) => {
      // Texts that never end by themselves as long as the sequence allows.
      const asked = {
        model: 'tiny',
        messages,
        stream: true as const,
        logit_bias: { [String(served.tokenizer.endOfText)]: -100 },
      };
      for await (const _ of await client.chat.completions.create(asked)) break;
      const controller = new AbortController();
      const running = client.chat.completions.create(asked, { signal: controller.signal });
      for await (const _ of await running) {
        controller.abort();
        break;
      }
      const { stream: _, ...wholly } = asked;
      const whole = client.chat.completions.create({ ...wholly, n: 16 }, { signal: AbortSignal.timeout(30) });
      await expect(whole).rejects.toThrow(/abort/i);
      await until(
        async () => (await metric(server, 'scmoe_texts_running')) + (await metric(server, 'scmoe_texts_waiting')) === 0,
      );
      // All together would have been more than twenty whole sequences.
      expect(await metric(server, 'scmoe_generated_tokens_total')).toBeLessThan(18 * 99);
    });
  });

  it('is many: each gets what it gets alone', async () => {
    await withServer({ maxSequences: 8 }, async (client) => {
      const ask = async (i: number) => {
        const asked = { model: 'tiny', prompt: `text ${i % 10}`, max_tokens: 5 + (i % 7), seed: i, temperature: 1 };
        if (i % 2 === 0) return (await client.completions.create(asked)).choices[0]!.text;
        let text = '';
        for await (const { choices } of await client.completions.create({ ...asked, stream: true }))
          text += choices[0]!.text;
        return text;
      };
      const together = await Promise.all(Array.from({ length: 40 }, (_, i) => ask(i)));
      for (const i of [0, 1, 17, 39]) expect(await ask(i)).toBe(together[i]);
    });
  });
});

describe('requests that are refused', () => {
  const wrongCases: [string, object, Record<string, unknown>][] = [
    ['no model', { model: undefined }, { status: 400, param: 'model' }],
    ['another model', { model: 'gpt-4' }, { status: 404, code: 'model_not_found', param: 'model' }],
    ['no messages', { messages: [] }, { status: 400, param: 'messages' }],
    [
      'a picture',
      { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'x' } }] }] },
      { status: 400, param: 'messages[0].content' },
    ],
    ['an unknown role', { messages: [{ role: 'nobody', content: 'x' }] }, { status: 400, param: 'messages[0].role' }],
    ['a text for a number', { temperature: '1' }, { status: 400, param: 'temperature' }],
    ['too high a temperature', { temperature: 2.5 }, { status: 400, param: 'temperature' }],
    ['too many texts', { n: 17 }, { status: 400, param: 'n' }],
    ['five stop texts', { stop: ['1', '2', '3', '4', '5'] }, { status: 400, param: 'stop' }],
    ['a bias on a word', { logit_bias: { the: 1 } }, { status: 400, param: 'logit_bias' }],
    ['a bias on a foreign token', { logit_bias: { 99999: 1 } }, { status: 400, param: 'logit_bias' }],
    [
      'tools',
      { tools: [{ type: 'function', function: { name: 'f' } }] },
      { status: 400, param: 'tools', code: 'unsupported_parameter' },
    ],
    [
      'a JSON schema',
      { response_format: { type: 'json_object' } },
      { status: 400, param: 'response_format', code: 'unsupported_parameter' },
    ],
    ['an unknown parameter', { temprature: 1 }, { status: 400, param: 'temprature', code: 'unsupported_parameter' }],
    [
      'stream options without a stream',
      { stream_options: { include_usage: true } },
      { status: 400, param: 'stream_options' },
    ],
    [
      'a prompt longer than the model can look at',
      { messages: [{ role: 'user', content: 'x'.repeat(500) }] },
      { status: 400, code: 'context_length_exceeded' },
    ],
    ['more tokens than allowed', { max_tokens: 65 }, { status: 400, param: 'max_tokens' }],
  ];
  it.each(wrongCases)('name %s, before a stream as well', async (_, change, expected) => {
    await withServer({ maxTokens: 64 }, async (client) => {
      const asked = { model: 'tiny', messages, ...change } as OpenAI.ChatCompletionCreateParamsNonStreaming;
      await expect(client.chat.completions.create(asked)).rejects.toMatchObject(expected);
      if ('stream_options' in change) return;
      await expect(client.chat.completions.create({ ...asked, stream: true })).rejects.toMatchObject(expected);
    });
  });

  it('say what is wrong with a body that is no JSON, none, too large, or of another type, and with another URL', async () => {
    await withServer({ maxBodyBytes: 2000 }, async (_, server) => {
      const path = '/completions';
      const answers = [
        await post(server, path, '{"model": '),
        await post(server, path, '[]'),
        await post(server, path, ''),
        await post(server, path, JSON.stringify({ model: 'tiny', prompt: 'x'.repeat(3000) })),
        await post(server, path, 'model=tiny', { 'content-type': 'text/plain' }),
        await post(server, '/embeddings', '{}'),
        await post(server, path, JSON.stringify({ model: 'tiny', prompt: [] })),
        await post(server, path, JSON.stringify({ model: 'tiny', prompt: [1, 'x'] })),
      ];
      expect(answers.map(({ status }) => status)).toEqual([400, 400, 400, 413, 415, 404, 400, 400]);
      for (const { body } of answers) {
        expect(typeof body.error['message']).toBe('string');
        expect(Object.keys(body.error).sort()).toEqual(['code', 'message', 'param', 'type']);
      }
    });
  });

  it('are those without the key; health needs none', async () => {
    await withServer({}, async (_, server) => {
      await expect(clientOf(server, 'sk-wrong').models.list()).rejects.toMatchObject({
        status: 401,
        code: 'invalid_api_key',
      });
      expect((await post(server, '/completions', '{}', { authorization: '' })).status).toBe(401);
      expect((await fetch(new URL('/metrics', server.url))).status).toBe(401);
      expect(await (await fetch(new URL('/health', server.url))).json()).toEqual({ status: 'ok' });
    });
  });

  it('are those by a foreign name for this machine, where no key is asked for', async () => {
    await withServer({ apiKey: undefined }, async (_, server) => {
      const statusFor = (host: string) =>
        new Promise((resolve, reject) => {
          const asked = httpRequest(`${server.url}/models`, { headers: { host } }, (response) => {
            response.resume();
            resolve(response.statusCode);
          });
          asked.on('error', reject).end();
        });
      const hosts = ['localhost:80', '127.0.0.1', '[::1]:9', 'evil.example', 'localhost.evil.example:80', '1.2.3.4'];
      expect(await Promise.all(hosts.map(statusFor))).toEqual([200, 200, 200, 403, 403, 403]);
    });
  });

  it('are those more than may wait, with 429, and a client that tries again gets its text', async () => {
    await withServer({ maxSequences: 1, maxWaiting: 1 }, async (client, server) => {
      const asked = { model: 'tiny', prompt: 'a', max_tokens: 40, temperature: 1 };
      const all = await Promise.allSettled(Array.from({ length: 6 }, () => client.completions.create(asked)));
      const refused = all.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[];
      expect(refused.length).toBeGreaterThan(0);
      expect(all.length - refused.length).toBeGreaterThanOrEqual(2);
      for (const { reason } of refused) expect(reason).toMatchObject({ status: 429, code: 'rate_limit_exceeded' });
      const patient = new OpenAI({ baseURL: server.url, apiKey, maxRetries: 5 });
      const again = await Promise.all(
        Array.from({ length: 4 }, () => patient.completions.create({ ...asked, max_tokens: 2 })),
      );
      expect(again).toHaveLength(4);
      // Several texts of one request count as such: none is left where one has no room.
      await expect(client.completions.create({ ...asked, n: 3 })).rejects.toMatchObject({ status: 429 });
      await until(async () => (await metric(server, 'scmoe_texts_running')) === 0);
    });
  });

  it.each<[string, object, RegExp]>([
    ['an address that others reach', { host: '0.0.0.0', apiKey: undefined }, /without an API key, got 0\.0\.0\.0/],
    ['a key with spaces', { apiKey: 'a b' }, /visible ASCII characters without spaces/],
    ['an unknown option', { ports: 1 }, /server: unknown option ports = 1/],
    ['no texts at once', { maxSequences: 0 }, /maxSequences: expected a positive integer, got 0/],
    ['no time', { requestTimeoutMs: 0 }, /requestTimeoutMs: expected a number > 0, got 0/],
    ['an address of another machine', { host: '192.0.2.1' }, /Can't listen on 192\.0\.2\.1/],
  ])('are servers with %s', async (_, options, message) => {
    const start = startServer(served, { port: 0, apiKey, ...options });
    await expect(start).rejects.toThrow(message);
  });
});

describe('a server', () => {
  it('says in a stream, and with a status otherwise, that the time is over', async () => {
    await withServer({ requestTimeoutMs: 1 }, async (client) => {
      const asked = { model: 'tiny', prompt: 'a', max_tokens: 120, n: 16 };
      await expect(client.completions.create(asked)).rejects.toMatchObject({ status: 504, code: 'timeout' });
      const read = async () => chunksOf(await client.completions.create({ ...asked, stream: true }));
      await expect(read()).rejects.toMatchObject({ code: 'timeout' });
    });
  });

  it('lets requests come to their ends when it is told to end, and takes no more', async () => {
    const server = await startServer(served, { port: 0, apiKey });
    const client = clientOf(server);
    const asked = { model: 'tiny', prompt: 'a', max_tokens: 60, temperature: 1, stream: true as const };
    const stream = await client.completions.create(asked);
    const reading = chunksOf(stream);
    const closed = server.close();
    const health = await fetch(new URL('/health', server.url)).catch(() => undefined);
    expect(health?.status ?? 503).toBe(503);
    await expect(client.models.list()).rejects.toThrow();
    expect((await reading).at(-1)!.choices[0]!.finish_reason).not.toBeNull();
    await closed;
  });

  it('ends requests with an error when their time is over, and leaves nothing behind', async () => {
    const before = tf.memory().numTensors;
    const server = await startServer(served, { port: 0, apiKey });
    const client = clientOf(server);
    const asked = { model: 'tiny', prompt: 'a', n: 16, max_tokens: 120, temperature: 1 };
    const whole = expect(client.completions.create(asked)).rejects.toMatchObject({ status: 503 });
    await until(async () => (await metric(server, 'scmoe_texts_running')) > 0);
    await server.close({ graceMs: 0 });
    await whole;
    expect(tf.memory().numTensors).toBe(before);
  });

  it('fails a request whose model fails, keeps the reason to itself, and goes on', async () => {
    let left = 1;
    const model = Object.create(served.model) as typeof served.model;
    model.generationEngine = (options) => {
      const engine = served.model.generationEngine(options);
      const start = engine.start.bind(engine);
      engine.start = (...given) => {
        if (left-- > 0) throw new Error('secret path /home');
        return start(...given);
      };
      return engine;
    };
    await withServer(
      {},
      async (client) => {
        const asked = { model: 'tiny', prompt: 'a', max_tokens: 2 };
        const failed = client.completions.create(asked);
        await expect(failed).rejects.toMatchObject({ status: 500, type: 'server_error' });
        await expect(failed).rejects.not.toThrow(/secret/);
        expect((await client.completions.create(asked)).choices).toHaveLength(1);
      },
      { ...served, model },
    );
  });

  it('says that a model without a template can not be chatted with', async () => {
    const { chatTemplate: _, ...bare } = served;
    await withServer(
      {},
      async (client) =>
        expect(client.chat.completions.create({ model: 'tiny', messages })).rejects.toMatchObject({
          status: 400,
          code: 'chat_not_supported',
        }),
      bare,
    );
  });

  it('counts requests by route and status, tokens and memory', async () => {
    await withServer({}, async (client, server) => {
      await client.completions.create({ model: 'tiny', prompt: 'abcd', max_tokens: 5, logit_bias: { 3: 100 } });
      await client.completions.create({ model: 'none', prompt: '' }).catch(() => undefined);
      expect(await metric(server, 'scmoe_http_requests_total\\{route="completions",status="200"\\}')).toBe(1);
      expect(await metric(server, 'scmoe_http_requests_total\\{route="completions",status="404"\\}')).toBe(1);
      expect(await metric(server, 'scmoe_prompt_tokens_total')).toBe(4);
      expect(await metric(server, 'scmoe_generated_tokens_total')).toBe(5);
      expect(await metric(server, 'scmoe_time_to_first_token_seconds_count')).toBe(1);
      expect(await metric(server, 'scmoe_cache_bytes')).toBe(0);
      expect(await metric(server, 'process_resident_memory_bytes')).toBeGreaterThan(0);
    });
  });
});
