// A file of contacts as it is chosen: its text, or why it has none.

/** As large a file as the server takes. */
const LARGEST = 512 * 1024;

export type Read = { ok: true; text: string } | { ok: false; why: string };

/** Spreadsheets write UTF-8, or what Windows writes in western languages; whatever holds a zero byte is no text. */
export async function readTable(file: Blob): Promise<Read> {
  if (file.size > LARGEST) {
    return {
      ok: false,
      why: 'The file is larger than 512 KB: split it, or look whether it is the right one.',
    };
  }
  const bytes = new Uint8Array(await file.arrayBuffer());
  if (bytes.includes(0)) {
    return { ok: false, why: 'The file is no text: save the table as CSV (UTF-8) and choose that.' };
  }
  try {
    return { ok: true, text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
  } catch {
    return { ok: true, text: new TextDecoder('windows-1252').decode(bytes) };
  }
}
