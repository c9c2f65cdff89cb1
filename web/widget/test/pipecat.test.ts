/// <reference types="node" />
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { decode, encodeAudio, encodeMessage } from '../src/pipecat';

/** Made with the serializer of the published client; shared with the server's tests. */
const fixture = (name: string) => new Uint8Array(readFileSync(`../media/rtvi/fixtures/${name}.bin`));

describe("Pipecat's frames", () => {
  it('of the published client are read', () => {
    const audio = decode(fixture('audio'));
    expect(audio).toMatchObject({ kind: 'audio', rate: 16_000, channels: 1 });
    expect(audio.kind === 'audio' && [...audio.pcm.slice(0, 3)]).toEqual([0, 1, 2]);
    const message = decode(fixture('client-ready'));
    expect(message.kind === 'message' && JSON.parse(message.text).type).toBe('client-ready');
    expect(decode(fixture('text')).kind).toBe('other');
  });

  it('survive being written and read', () => {
    const pcm = Int16Array.from({ length: 320 }, (_, index) => (index - 160) * 200);
    expect(decode(encodeAudio(pcm, 24_000))).toEqual({ kind: 'audio', pcm, rate: 24_000, channels: 1 });
    const text = '{"text":"grüezi ☎"}'.repeat(40);
    expect(decode(encodeMessage(text))).toEqual({ kind: 'message', text });
  });

  it('that are cut are an error and never a hang', () => {
    const whole = encodeMessage('{"label":"rtvi-ai"}');
    for (let length = 1; length < whole.length; length += 1) {
      expect(() => decode(whole.slice(0, length))).toThrow(RangeError);
    }
    expect(() => decode(new Uint8Array(12).fill(0xff))).toThrow(RangeError);
    expect(decode(new Uint8Array())).toEqual({ kind: 'other' });
  });
});
