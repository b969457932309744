import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { createTokenizer } from '@scmoe/trainer';

import type { ChatMessage } from '../api/chatRequest.js';
import { ChatTemplate, type TemplateTokens } from './ChatTemplate.js';

interface References {
  tokens: TemplateTokens;
  conversations: ChatMessage[][];
  cases: { name: string; template: string; rendered: string[] }[];
}

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..', '..');
const read = readFileSync(join(root, 'tools', 'reference', 'templates.json'), 'utf8');
const { tokens, conversations, cases } = JSON.parse(read) as References;

describe('a chat template', () => {
  // Its tokens are bytes, so that they are the text.
  it.each(cases)('is what Jinja2 makes of it: $name', async ({ template: source, rendered }) => {
    const template = new ChatTemplate(source, await createTokenizer('byte', []), tokens);
    const texts = conversations.map((messages) => Buffer.from(template.encode(messages)).toString());
    expect(texts).toEqual(rendered);
  });

  it.each([
    ["{{ '%d' % 3 }}", '%: only numbers are supported'],
    ["{{ strftime_now('%Q') }}", 'strftime_now: %Q is not supported'],
    ['{{ 1 | length }}', 'length: expected a text, a list or a dict'],
    ["{{ none.strip('a') }}", /./],
  ])('is refused by name where it can not be: %s', async (source, message) => {
    const template = new ChatTemplate(source, await createTokenizer('byte', []));
    expect(() => template.encode([{ role: 'user', content: 'x' }])).toThrow(message);
  });

  it('says the time as Python does', async () => {
    const fields = ['%Y-%m-%d', '%A', '%j', '%p', '%I', '%y', '%-d', '%B %b', '%%'];
    const source = fields.map((field) => `{{ strftime_now('${field}') }}`).join('|');
    const template = new ChatTemplate(source, await createTokenizer('byte', []));
    const text = Buffer.from(template.encode([{ role: 'user', content: 'x' }])).toString();
    expect(text).toMatch(
      /^\d{4}-\d\d-\d\d\|[A-Z][a-z]+day\|\d{3}\|[AP]M\|\d\d\|\d\d\|\d\d?\|[A-Z][a-z]+ [A-Z][a-z]{2}\|%$/,
    );
  });
});
