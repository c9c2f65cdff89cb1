"""Recordings as callers in LiveKit rooms speak them."""
import array
import wave

from livekit import rtc

RATE = 48_000
FRAME = RATE // 50


def recording(path):
    with wave.open(path) as file:
        assert file.getnchannels() == 1 and file.getsampwidth() == 2
        samples = array.array("h", file.readframes(file.getnframes()))
        rate = file.getframerate()
    resampler = rtc.AudioResampler(rate, RATE)
    frames = resampler.push(rtc.AudioFrame(samples.tobytes(), rate, 1, len(samples))) + resampler.flush()
    out = array.array("h")
    for frame in frames:
        out.frombytes(bytes(frame.data))
    return out
