import { describe, expect, it } from 'vitest';
import { joined } from './lists';

describe('two lists of one base', () => {
  const base = ['a', 'b', 'c'];
  it('become one where each side changed other items', () => {
    expect(joined(base, ['A', 'b', 'c'], ['a', 'b', 'C'])).toEqual(['A', 'b', 'C']);
    expect(joined(base, ['A', 'b', 'c'], ['a', 'B', 'c'])).toEqual(['A', 'B', 'c']);
    expect(joined(base, ['A', 'B', 'c'], ['a', 'b', 'C'])).toEqual(['A', 'B', 'C']);
  });
  it('keep what one added and what the other took away', () => {
    expect(joined(base, ['a', 'b', 'c', 'd'], ['b', 'c'])).toEqual(['b', 'c', 'd']);
    expect(joined(base, ['x', 'a', 'b', 'c'], ['A', 'b', 'c'])).toEqual(['x', 'A', 'b', 'c']);
    expect(joined(base, ['a', 'b', 'c', 'd'], ['a', 'b', 'C'])).toEqual(['a', 'b', 'C', 'd']);
    expect(joined(['a'], [], ['a', 'b'])).toEqual(['b']);
  });
  it('have once what both did', () => {
    expect(joined(base, ['A', 'b', 'c', 'd'], ['A', 'b', 'C'])).toEqual(['A', 'b', 'C', 'd']);
    expect(joined(base, ['A', 'b', 'c', 'd'], ['a', 'B', 'c', 'd'])).toEqual(['A', 'B', 'c', 'd']);
    expect(joined(base, ['b', 'c'], ['b', 'c'])).toEqual(['b', 'c']);
  });
  it('are not one where both changed an item, or put others at the same place', () => {
    expect(joined(base, ['A', 'b', 'c'], ['Ä', 'b', 'c'])).toBeUndefined();
    expect(joined(base, ['b', 'c'], ['A', 'b', 'c'])).toBeUndefined();
    expect(joined(base, ['a', 'b', 'c', 'd'], ['a', 'b', 'c', 'e'])).toBeUndefined();
    expect(joined(base, ['b', 'a', 'c'], ['A', 'b', 'c'])).toBeUndefined();
    expect(joined([], ['a'], ['b'])).toBeUndefined();
    expect(joined(base, ['a', 'b', 'c', 'd'], ['a', 'b', 'C', 'd'])).toBeUndefined();
  });
  it('compare items as a whole, whatever the order of their fields', () => {
    const [one, two] = [{ provider: 'one', model: 'm' }, { provider: 'two' }];
    expect(
      joined(
        [one, two],
        [
          { model: 'm', provider: 'one' },
          { provider: 'two', model: 'n' },
        ],
        [two],
      ),
    ).toEqual([{ provider: 'two', model: 'n' }]);
  });
});
