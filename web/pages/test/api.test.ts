import { describe, expect, it } from 'vitest';
import { tokenIn } from '../src/api';

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
