import { describe, expect, it } from 'vitest';
import { roomLeft } from '../src/view';

describe('the room that a typed message leaves', () => {
  it('is told near its end', () => {
    expect(roomLeft(0)).toBe('');
    expect(roomLeft(1799)).toBe('');
    expect(roomLeft(1800)).toBe('200 characters left');
    expect(roomLeft(1999)).toBe('1 character left');
    expect(roomLeft(2000)).toBe('No characters left: a message holds 2,000.');
  });
});
