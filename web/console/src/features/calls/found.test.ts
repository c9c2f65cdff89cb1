import { expect, test } from 'vitest';
import { marked, termsOf } from './found';

const shown = (text: string, search: string): string =>
  marked(text, termsOf(search))
    .map((part) => (part.found ? `[${part.text}]` : part.text))
    .join('');

test('a search is read as the database reads it', () => {
  expect(termsOf('haircut "on Monday" or -price -"at noon" Tuesday')).toEqual([
    ['haircut'],
    ['on', 'monday'],
    ['tuesday'],
  ]);
  expect(termsOf('  - "" or ')).toEqual([]);
  expect(termsOf('"never closed')).toEqual([['never', 'closed']]);
});

test('whole words are marked, whatever their case', () => {
  expect(shown('A haircut. HAIRCUTS? Haircut!', 'haircut')).toBe('A [haircut]. HAIRCUTS? [Haircut]!');
  expect(shown('Für zwölf Gäste', 'ZWÖLF gäste')).toBe('Für [zwölf] [Gäste]');
  expect(shown('nothing here', 'else')).toBe('nothing here');
  expect(shown('', 'else')).toBe('');
  expect(shown('as it is', '')).toBe('as it is');
});

test('words in quotes are marked where they follow each other', () => {
  expect(shown('on Monday, or Monday on', '"on monday"')).toBe('[on Monday], or Monday on');
  expect(shown('on Monday on', '"on monday" on')).toBe('[on Monday] [on]');
  expect(shown('it is at nine', 'nine -at')).toBe('it is at [nine]');
});

test('nothing of a text is lost', () => {
  const text = ' "Well-known," she said: it’s 12:30. ';
  const parts = marked(text, termsOf('well known 30 she'));
  expect(parts.map((part) => part.text).join('')).toBe(text);
  expect(parts.filter((part) => part.found).map((part) => part.text)).toEqual(['Well', 'known', 'she', '30']);
});
