// Pipecat's protobuf frames: audio, and RTVI messages as text. Field numbers are those of Pipecat's frames.proto:
// Frame { 2: AudioRawFrame { 3: audio, 4: sample_rate, 5: num_channels }, 4: MessageFrame { 1: data } }.

export type Frame =
  | { kind: 'audio'; pcm: Int16Array; rate: number; channels: number }
  | { kind: 'message'; text: string }
  | { kind: 'other' };

const AUDIO = 2;
const MESSAGE = 4;
const VARINT = 0;
const BYTES = 2;
/** The longest varint of 64 bits. */
const VARINT_MOST = 10;

export function encodeAudio(pcm: Int16Array, rate: number): Uint8Array<ArrayBuffer> {
  const samples = new Uint8Array(pcm.buffer, pcm.byteOffset, pcm.byteLength);
  const body = [...key(3, BYTES), ...varint(samples.length)];
  const tail = [...key(4, VARINT), ...varint(rate), ...key(5, VARINT), ...varint(1)];
  const head = [...key(AUDIO, BYTES), ...varint(body.length + samples.length + tail.length), ...body];
  return join(head, samples, tail);
}

export function encodeMessage(text: string): Uint8Array<ArrayBuffer> {
  const data = new TextEncoder().encode(text);
  const body = [...key(1, BYTES), ...varint(data.length)];
  return join([...key(MESSAGE, BYTES), ...varint(body.length + data.length), ...body], data, []);
}

/** Throws a RangeError where the bytes are no frame. */
export function decode(bytes: Uint8Array): Frame {
  for (const field of read(bytes)) {
    if (field.number === AUDIO && field.bytes) return audio(field.bytes);
    if (field.number === MESSAGE && field.bytes) return message(field.bytes);
  }
  return { kind: 'other' };
}

function audio(bytes: Uint8Array): Frame {
  let pcm = new Int16Array(0);
  let rate = 0;
  let channels = 1;
  for (const { number, bytes: payload, value } of read(bytes)) {
    if (number === 3 && payload) pcm = samples(payload);
    if (number === 4) rate = value;
    if (number === 5) channels = value || 1;
  }
  return { kind: 'audio', pcm, rate, channels };
}

function samples(bytes: Uint8Array): Int16Array<ArrayBuffer> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Int16Array.from({ length: bytes.byteLength >> 1 }, (_, index) => view.getInt16(index * 2, true));
}

function message(bytes: Uint8Array): Frame {
  for (const { number, bytes: payload } of read(bytes)) {
    if (number === 1 && payload) return { kind: 'message', text: new TextDecoder().decode(payload) };
  }
  return { kind: 'message', text: '' };
}

interface Field {
  number: number;
  value: number;
  bytes: Uint8Array | null;
}

function* read(bytes: Uint8Array): Generator<Field> {
  let at = 0;
  const number = (): number => {
    let value = 0;
    for (let index = 0; index < VARINT_MOST; index += 1) {
      const byte = bytes[at];
      if (byte === undefined) break;
      at += 1;
      value += (byte & 0x7f) * 2 ** (7 * index);
      if (byte < 0x80) return value;
    }
    throw new RangeError('a number is cut or too long');
  };
  const skip = (length: number): void => {
    at += length;
    if (at > bytes.length) throw new RangeError('a field is cut');
  };
  while (at < bytes.length) {
    const tag = number();
    const field: Field = { number: Math.floor(tag / 8), value: 0, bytes: null };
    const wire = tag % 8;
    if (wire === VARINT) field.value = number();
    else if (wire === 1) skip(8);
    else if (wire === BYTES) {
      const length = number();
      skip(length);
      field.bytes = bytes.subarray(at - length, at);
    } else if (wire === 5) skip(4);
    else throw new RangeError(`wire type ${wire}`);
    yield field;
  }
}

const key = (field: number, wire: number): number[] => varint(field * 8 + wire);

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 0x7f) {
    bytes.push((rest % 128) | 0x80);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
  return bytes;
}

function join(head: number[], middle: Uint8Array, tail: number[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(head.length + middle.length + tail.length);
  all.set(head);
  all.set(middle, head.length);
  all.set(tail, head.length + middle.length);
  return all;
}
