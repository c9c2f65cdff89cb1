import { describe, expect, it } from 'vitest';
import { proofIn } from '../src/api';
import { sentence } from '../src/dom';

describe('an address that signs the operator in', () => {
  it('has the token or the code behind the #', () => {
    expect(proofIn('#token=0123abc')).toEqual({ token: '0123abc' });
    expect(proofIn('#x=1&token=a%2Bb')).toEqual({ token: 'a+b' });
    expect(proofIn('#admin=0123abc')).toEqual({ code: '0123abc' });
  });

  it('is no other address', () => {
    expect(proofIn('')).toBeNull();
    expect(proofIn('#events')).toBeNull();
    expect(proofIn('#token=')).toBeNull();
  });
});

describe('what the server says', () => {
  it('stands as a sentence', () => {
    expect(sentence('no finished call is on record')).toBe('No finished call is on record.');
    expect(sentence('Is it still running?')).toBe('Is it still running?');
    expect(sentence('')).toBe('');
  });
});
