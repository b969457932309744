import { chunksOf, messages, metric, served, serveTinyModel, until, withServer } from './testing/serveTinyModel.js';

serveTinyModel();

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
      ...served(),
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

      const end = String(served().tokenizer.endOfText);
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
      expect(forced).toBe(served().tokenizer.decode([5]).repeat(20));
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
        logit_bias: { [String(served().tokenizer.endOfText)]: -100 },
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
