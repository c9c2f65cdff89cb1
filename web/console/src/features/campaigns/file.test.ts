import { expect, test } from 'vitest';
import { readTable } from './file';

const read = (bytes: number[]) => readTable(new Blob([new Uint8Array(bytes)]));

test('a table is read as its spreadsheet wrote it', async () => {
  const named = 'number,name\n+49301,Müller\n';
  expect(await readTable(new Blob([named]))).toEqual({ ok: true, text: named });
  // As Windows writes it: ü is one byte.
  expect(await read([0x4d, 0xfc, 0x6c, 0x6c, 0x65, 0x72])).toEqual({ ok: true, text: 'Müller' });
});

test('what is no table is not put into the form', async () => {
  expect(await read([0x52, 0x49, 0x46, 0x46, 0, 1])).toMatchObject({ ok: false });
  expect(await readTable(new Blob([new Uint8Array(600_000)]))).toMatchObject({ ok: false });
});
