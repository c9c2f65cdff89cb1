import { describe, expect, it } from 'vitest';
import { readPrices } from './price-file';

describe('a file of prices', () => {
  it('is CSV as spreadsheets write it', () => {
    const text = [
      'vendor,model,unit,price_usd,per,valid_from,tiers,note',
      'openai,gpt-4.1*,input_token,2.00,1000000,2026-01-01,,"by contract, ""gold"""',
      'own,voice,character,0.00003,,,1000000:0.00002;5000000:0.00001,',
      '',
    ].join('\r\n');
    expect(readPrices(text)).toEqual({
      faults: [],
      prices: [
        {
          vendor: 'openai',
          model: 'gpt-4.1*',
          unit: 'input_token',
          price_nano_usd: 2_000_000_000,
          per: 1_000_000,
          valid_from: '2026-01-01T00:00:00Z',
          tiers: [],
          note: 'by contract, "gold"',
        },
        {
          vendor: 'own',
          model: 'voice',
          unit: 'character',
          price_nano_usd: 30_000,
          per: 1,
          tiers: [
            { from: 1_000_000, price_nano_usd: 20_000 },
            { from: 5_000_000, price_nano_usd: 10_000 },
          ],
          note: '',
        },
      ],
    });
  });
  it('may have semicolons between its cells', () => {
    const { prices, faults } = readPrices('vendor;model;unit;price_usd\nown;m;request;0.01');
    expect([prices.length, faults]).toEqual([1, []]);
  });
  it('is JSON as the server gives it', () => {
    const price = { vendor: 'own', model: 'm', unit: 'request', price_nano_usd: 1, per: 1 };
    const given = { data: [{ ...price, id: 'prc_1', revision: 2, created_at: 'x', updated_at: 'x' }] };
    expect(readPrices(JSON.stringify(given)).prices).toEqual([price]);
    expect(readPrices(JSON.stringify([price])).prices).toEqual([price]);
  });
  it('says by line what cannot be read', () => {
    expect(readPrices('vendor,model,price,unit\na,b,1,request').faults).toEqual([
      'Line 1: there is no column "price".',
      'Line 1: the column "price_usd" is missing.',
    ]);
    const { faults } = readPrices(
      'vendor,model,unit,price_usd,per\nown,m,request,cheap,1\nown,m,request,1,0.5',
    );
    expect(faults).toEqual([
      'Line 2: "cheap" is no amount of dollars.',
      'Line 3: "0.5" is no whole number from 1 on.',
    ]);
    expect(readPrices('{"prices": 5}').faults.length).toBe(1);
    expect(readPrices('[').faults.length).toBe(1);
    expect(readPrices('')).toEqual({ prices: [], faults: [] });
  });
});
