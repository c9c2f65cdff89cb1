import { describe, expect, it } from 'vitest';
import { type Conversation, empty, told, typed } from '../src/conversation';
import type { Told } from '../src/rtvi';

const following = (...events: Told[]): Conversation => events.reduce(told, empty);
const shown = (conversation: Conversation) =>
  conversation.lines.map(({ role, text, final }) => [role, text, final]);
const heard = (text: string, final = false): Told => ({ kind: 'heard', text, final });

describe('the transcript', () => {
  it('changes a partial in place until the turn is taken', () => {
    const partial = following(heard('when'), heard('when are'), heard('When are you', true), heard('open'));
    expect(shown(partial)).toEqual([['caller', 'When are you open', false]]);
    const taken = told(partial, { kind: 'caller-turn', turn: 1, text: 'When are you open?', typed: false });
    expect(shown(taken)).toEqual([['caller', 'When are you open?', true]]);
    expect(taken.lines[0]?.id).toBe(partial.lines[0]?.id);
  });

  it('begins a new line for the words after a taken turn', () => {
    const taken: Told = { kind: 'caller-turn', turn: 1, text: 'Hello.', typed: false };
    expect(shown(following(heard('Hello', true), taken, heard('wait')))).toEqual([
      ['caller', 'Hello.', true],
      ['caller', 'wait', false],
    ]);
  });

  it('shows of an interrupted reply what was heard and no more', () => {
    const saying: Told[] = [
      { kind: 'saying', text: 'We are open from nine.' },
      { kind: 'saying', text: 'On Sunday we are closed.' },
    ];
    const cut = following(...saying, { kind: 'agent-turn', turn: 1, text: 'We are open', interrupted: true });
    expect(cut.lines).toMatchObject([{ text: 'We are open', interrupted: true, final: true }]);
  });

  it('leaves no line for a reply that nobody heard', () => {
    const unheard = following(
      { kind: 'saying', text: 'Hm.' },
      { kind: 'agent-turn', turn: 1, text: '', interrupted: true },
    );
    expect(unheard.lines).toEqual([]);
  });

  it('keeps typed words apart from spoken ones', () => {
    const both = typed(following(heard('I would')), 'book Thursday');
    const settled = told(both, { kind: 'caller-turn', turn: 2, text: 'book Thursday', typed: true });
    expect(shown(settled)).toEqual([
      ['caller', 'I would', false],
      ['caller', 'book Thursday', true],
    ]);
  });

  it('is bounded', () => {
    let long = empty;
    for (let turn = 0; turn < 1000; turn += 1) {
      long = told(long, { kind: 'caller-turn', turn, text: `turn ${turn}`, typed: false });
    }
    expect(long.lines.length).toBe(400);
    expect(long.lines.at(-1)?.text).toBe('turn 999');
  });
});
