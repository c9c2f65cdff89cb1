"""A caller in a LiveKit room, with LiveKit's own client: hears the greeting, asks aloud, then in writing, presses a key, changes the
microphone, speaks again until the agent leaves, and prints what it saw as JSON.

usage: caller.py URL TOKEN WAV TEXT
"""
import array
import asyncio
import json
import sys

from livekit import rtc
from sound import FRAME, RATE, recording

# Only to end a call that hangs.
HANGS = 60
LOUD = 1_000


class Seen:
    def __init__(self):
        self.voiced = 0
        self.states = []
        self.texts = []
        self.older = []
        self.agent = {}
        self.left = False
        self.changed = asyncio.Event()

    async def until(self, what, holds):
        async def wait():
            while not holds():
                self.changed.clear()
                await self.changed.wait()

        try:
            await asyncio.wait_for(wait(), HANGS)
        except asyncio.TimeoutError:
            print(json.dumps(vars(self), default=str), file=sys.stderr)
            sys.exit(f"hangs: {what}")


async def hear(seen, track):
    async for event in rtc.AudioStream(track, sample_rate=RATE, num_channels=1):
        samples = array.array("h", bytes(event.frame.data))
        if max(map(abs, samples), default=0) > LOUD:
            seen.voiced += 1
            seen.changed.set()


async def read(seen, reader, identity):
    text = await reader.read_all()
    attributes = reader.info.attributes or {}
    seen.texts.append({"who": identity, "text": text, "attributes": attributes})
    seen.changed.set()


async def say(source, samples):
    for start in range(0, len(samples), FRAME):
        chunk = samples[start : start + FRAME]
        chunk.extend([0] * (FRAME - len(chunk)))
        await source.capture_frame(rtc.AudioFrame(chunk.tobytes(), RATE, 1, FRAME))


async def main(url, token, path, text):
    seen, room, tasks = Seen(), rtc.Room(), set()

    def start(work):
        task = asyncio.create_task(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    def state(attributes):
        if "lk.agent.state" in attributes:
            seen.states.append(attributes["lk.agent.state"])
            seen.changed.set()

    @room.on("track_subscribed")
    def _(track, publication, participant):
        seen.agent = {
            "kind": participant.kind,
            "name": participant.name,
            "attributes": dict(participant.attributes),
            "track": publication.name,
            "source": publication.source,
        }
        start(hear(seen, track))

    @room.on("participant_attributes_changed")
    def _(changed, participant):
        state(changed)

    @room.on("participant_disconnected")
    def _(participant):
        seen.left = True
        seen.changed.set()

    @room.on("transcription_received")
    def _(segments, participant, publication):
        seen.older += [{"who": participant.identity, "id": one.id, "text": one.text, "final": one.final} for one in segments]

    room.register_text_stream_handler("lk.transcription", lambda reader, identity: start(read(seen, reader, identity)))
    await room.connect(url, token)
    tracks = []

    async def microphone():
        source = rtc.AudioSource(RATE, 1)
        track = rtc.LocalAudioTrack.create_audio_track("microphone", source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        publication = await room.local_participant.publish_track(track, options)
        tracks.append(publication.sid)
        return source

    source = await microphone()

    def ours(final):
        wanted = "true" if final else "false"
        return [one for one in seen.texts if one["who"] == room.local_participant.identity
                and one["attributes"].get("lk.transcription_final") == wanted]

    def agents():
        return [one for one in seen.texts if one["who"] != room.local_participant.identity]

    await seen.until("the greeting", lambda: agents() and seen.voiced > 25 and seen.states[-1:] == ["listening"])
    greeted = seen.voiced
    await say(source, recording(path))
    silence = asyncio.create_task(say(source, array.array("h", [0] * (RATE * HANGS))))
    await seen.until("an answer", lambda: len(agents()) > 1 and ours(True) and seen.voiced > greeted + 25 and seen.states[-1:] == ["listening"])
    answered = len(agents())
    await room.local_participant.send_text(text, topic="lk.chat")
    await seen.until("an answer to what was written", lambda: len(agents()) > answered)
    await room.local_participant.publish_dtmf(code=5, digit="5")
    silence.cancel()
    await room.local_participant.unpublish_track(tracks[0])
    source = await microphone()
    await say(source, recording(path))
    silence = asyncio.create_task(say(source, array.array("h", [0] * (RATE * HANGS))))
    await seen.until("the agent's goodbye", lambda: seen.left)
    silence.cancel()
    own = {"tracks": tracks, "identity": room.local_participant.identity}
    await room.disconnect()
    print(json.dumps({**{key: value for key, value in vars(seen).items() if key != "changed"}, **own}))


asyncio.run(main(*sys.argv[1:]))
