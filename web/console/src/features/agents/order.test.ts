import { describe, expect, it } from 'vitest';
import { binding, moved, orderOf, withOrder } from './order';

const DEFINITION = {
  name: 'desk',
  options: { providers: { tts: [{ provider: 'voices', voice: 'ann', later: 1 }, { provider: 'built-in' }] } },
};

describe('the order of providers', () => {
  it('is read and written back as it was, with what is not known here', () => {
    const order = orderOf(DEFINITION, 'tts');
    expect(order?.map(({ provider, voice }) => [provider, voice])).toEqual([
      ['voices', 'ann'],
      ['built-in', ''],
    ]);
    expect(withOrder(DEFINITION, 'tts', order ?? [])).toEqual(DEFINITION);
    expect(orderOf(DEFINITION, 'llm')).toEqual([]);
  });
  it('leaves no trace where it is empty, and what is no list alone', () => {
    expect(withOrder(DEFINITION, 'tts', [])).toEqual({ name: 'desk' });
    expect(orderOf({ options: { providers: { tts: 'voices' } } }, 'tts')).toBeNull();
  });
  it('is added to and changed without fields that say nothing', () => {
    const order = [{ ...binding('openai'), model: 'gpt-x', cheap: true }, binding('other')];
    expect(withOrder({}, 'llm', order)).toEqual({
      options: {
        providers: { llm: [{ provider: 'openai', model: 'gpt-x', cheap: true }, { provider: 'other' }] },
      },
    });
  });
  it('is moved within', () => {
    expect(moved(['a', 'b', 'c'], 0, 2)).toEqual(['b', 'c', 'a']);
    expect(moved(['a', 'b', 'c'], 2, 0)).toEqual(['c', 'a', 'b']);
    expect(moved(['a', 'b'], 1, 5)).toEqual(['a', 'b']);
    expect(moved(['a'], 3, 0)).toEqual(['a']);
  });
});
