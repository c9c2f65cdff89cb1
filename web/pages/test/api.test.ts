import { describe, expect, it } from 'vitest';
import { offers, proofIn } from '../src/api';
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

describe('the agents of the front page', () => {
  const agent = (name: string, title: string) => ({ name, title, description: '', suggestions: [] });

  it('are each on a page of their own, and what else was asked for stays', () => {
    const list = [agent('front-desk', 'Front desk'), agent('night & day', '')];
    expect(offers(list, 'front-desk', '?transport=websocket&agent=front-desk')).toEqual([
      { title: 'Front desk', description: '', href: '/?transport=websocket&agent=front-desk', here: true },
      {
        title: 'night & day',
        description: '',
        href: '/?transport=websocket&agent=night+%26+day',
        here: false,
      },
    ]);
  });
});
