import { request as httpRequest } from 'node:http';

import * as tf from '@tensorflow/tfjs';
import OpenAI from 'openai';

import type { ServedModel } from './model/ServedModel.js';
import { startServer } from './startServer.js';
import {
  apiKey,
  chunksOf,
  clientOf,
  messages,
  metric,
  post,
  served,
  serveTinyModel,
  until,
  withServer,
} from './testing/serveTinyModel.js';

serveTinyModel();

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
    ['a share above 1', { typical_p: 2 }, { status: 400, param: 'typical_p', code: 'invalid_value' }],
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
    const start = startServer(served(), { port: 0, apiKey, ...options });
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
    const server = await startServer(served(), { port: 0, apiKey });
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
    const server = await startServer(served(), { port: 0, apiKey });
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
    const model = Object.create(served().model) as ServedModel['model'];
    model.generationEngine = (options) => {
      const engine = served().model.generationEngine(options);
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
      { ...served(), model },
    );
  });

  it('says that a model without a template can not be chatted with', async () => {
    const { chatTemplate: _, ...bare } = served();
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
