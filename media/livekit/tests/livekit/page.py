"""A page in a LiveKit room, with LiveKit's own client: has methods, calls one of the agent's, sends what was said before it was connected,
and goes on aloud where that ends, or a little before.

usage: page.py URL TOKEN WAV BEFORE_MS FROM_MS
"""
import array
import asyncio
import json
import os
import sys

from livekit import rtc
from sound import FRAME, RATE, recording

# Only to end a page that hangs.
HANGS = 60


async def main(url, token, path, before_ms, from_ms):
    room, heard, gone = rtc.Room(), asyncio.Event(), asyncio.Event()
    room.on("local_track_subscribed", lambda track: heard.set())
    room.on("participant_disconnected", lambda participant: gone.set())
    await room.connect(url, token)
    own = room.local_participant

    @own.register_rpc_method("show")
    async def _(call):
        return json.dumps({"shown": json.loads(call.payload)["what"], "by": call.caller_identity})

    @own.register_rpc_method("long")
    async def _(call):
        return "x" * int(call.payload)

    @own.register_rpc_method("fails")
    async def _(call):
        raise rtc.RpcError(7, "there is no map")

    @own.register_rpc_method("sleeps")
    async def _(call):
        await asyncio.sleep(HANGS)

    source = rtc.AudioSource(RATE, 1)
    track = rtc.LocalAudioTrack.create_audio_track("microphone", source)
    options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE, preconnect_buffer=True)
    publication = await own.publish_track(track, options)
    await asyncio.wait_for(heard.wait(), HANGS)
    samples = recording(path)
    at = lambda ms: int(ms) * RATE // 1000

    async def before():
        writer = await own.stream_bytes(
            "preconnect-buffer",
            topic="lk.agent.pre-connect-audio-buffer",
            mime_type="audio/pcm",
            destination_identities=["agent"],
            attributes={"trackId": publication.sid, "sampleRate": str(RATE), "channels": "1"},
        )
        await writer.write(samples[: at(before_ms)].tobytes())
        # Until what is said meanwhile has begun to come.
        await asyncio.sleep(0.4)
        await writer.aclose()

    async def live():
        rest = samples[at(from_ms) :] + array.array("h", [0] * RATE)
        for start in range(0, len(rest) - FRAME, FRAME):
            await source.capture_frame(rtc.AudioFrame(rest[start : start + FRAME].tobytes(), RATE, 1, FRAME))

    await asyncio.gather(before(), live())
    refused = []
    for payload in ["{}", "x" * 40_000]:
        try:
            await own.perform_rpc(destination_identity="agent", method="whatever", payload=payload)
            refused.append(0)
        except rtc.RpcError as error:
            refused.append(int(error.code))
    print(json.dumps({"refused": refused}), flush=True)
    await asyncio.wait_for(gone.wait(), HANGS)
    # The library's own threads may end in an abort where they are taken down one by one.
    os._exit(0)


asyncio.run(main(*sys.argv[1:]))
