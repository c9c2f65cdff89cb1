// LiveKit's published client, as its documentation uses it. What it sees is written down in `window.report`.

import { Room, RoomEvent } from 'livekit-client';

window.report = {
  states: [],
  agents: [],
  texts: [],
  older: [],
  tracks: [],
  disconnected: false,
};
const { report } = window;

/** A room whose happenings are written down. */
function followed(options) {
  const room = new Room(options);
  window.room = room;
  room.on(RoomEvent.TrackSubscribed, (track, publication, participant) => {
    report.tracks.push({ kind: track.kind, name: publication.trackName, source: publication.source });
    report.agents.push({
      identity: participant.identity,
      isAgent: participant.isAgent,
      attributes: { ...participant.attributes },
    });
    document.body.append(track.attach());
  });
  room.on(RoomEvent.ParticipantAttributesChanged, (changed) => {
    if (changed['lk.agent.state']) report.states.push(changed['lk.agent.state']);
  });
  room.on(RoomEvent.TranscriptionReceived, (segments, participant) => {
    for (const { id, text, final } of segments)
      report.older.push({ id, text, final, local: participant?.isLocal });
  });
  room.on(RoomEvent.Disconnected, () => {
    report.disconnected = true;
  });
  room.registerTextStreamHandler('lk.transcription', async (reader, { identity }) => {
    const { attributes } = reader.info;
    const at = report.texts.push({ identity, attributes, text: '', ended: false }) - 1;
    for await (const chunk of reader) report.texts[at].text += chunk;
    report.texts[at].ended = true;
    report.texts[at].attributes = { ...reader.info.attributes };
  });
  return room;
}

window.connect = async (url, token) => {
  const room = followed();
  await room.connect(url, token);
  report.identity = room.localParticipant.identity;
  await room.localParticipant.setMicrophoneEnabled(true);
};

/** Settles when somebody has spoken into the microphone that is opened next, and has stopped. */
function said() {
  const devices = navigator.mediaDevices;
  const { getUserMedia } = devices;
  const stream = new Promise((opened) => {
    devices.getUserMedia = async (wanted) => {
      devices.getUserMedia = getUserMedia;
      const stream = await getUserMedia.call(devices, wanted);
      opened(stream);
      return stream;
    };
  });
  return stream.then(async (stream) => {
    const context = new AudioContext();
    const analyser = new AnalyserNode(context);
    context.createMediaStreamSource(stream.clone()).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    let [spoken, quiet] = [false, 0];
    while (!spoken || quiet < 40) {
      await new Promise((done) => setTimeout(done, 20));
      analyser.getFloatTimeDomainData(samples);
      const loud = samples.some((sample) => Math.abs(sample) > 0.05);
      spoken ||= loud;
      quiet = loud ? 0 : quiet + 1;
    }
    await context.close();
  });
}

/** All is said to nobody yet. livekit-client (2.23) takes the buffer from the options of the room, and not from those of a track. */
window.speakAndConnect = async (url, token) => {
  const room = followed({ publishDefaults: { preConnectBuffer: true } });
  room.registerRpcMethod('show_hours', async ({ payload, callerIdentity }) => {
    report.shown = { ...JSON.parse(payload), by: callerIdentity };
    return JSON.stringify({ hours: 'from nine to four' });
  });
  const over = said();
  const microphone = room.localParticipant.setMicrophoneEnabled(true);
  await over;
  await room.connect(url, token);
  report.identity = room.localParticipant.identity;
  await microphone;
};
