import { describe, expect, it } from 'vitest';
import { tokenIn } from '../src/api';
import { sentence } from '../src/dom';

describe('an address that signs the operator in', () => {
  it('has the token behind the #', () => {
    expect(tokenIn('#token=0123abc')).toBe('0123abc');
    expect(tokenIn('#x=1&token=a%2Bb')).toBe('a+b');
  });

  it('is no other address', () => {
    expect(tokenIn('')).toBeNull();
    expect(tokenIn('#events')).toBeNull();
    expect(tokenIn('#token=')).toBeNull();
  });
});

describe('what the server says', () => {
  it('stands as a sentence', () => {
    expect(sentence('no finished call is on record')).toBe('No finished call is on record.');
    expect(sentence('Is it still running?')).toBe('Is it still running?');
    expect(sentence('')).toBe('');
  });
});
