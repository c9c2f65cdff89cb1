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
function followed() {
  const room = new Room();
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

/** What is said in the first seconds is said to nobody yet. */
window.speakAndConnect = async (url, token) => {
  const room = followed();
  room.registerRpcMethod('show_hours', async ({ payload, callerIdentity }) => {
    report.shown = { ...JSON.parse(payload), by: callerIdentity };
    return JSON.stringify({ hours: 'from nine to four' });
  });
  const microphone = room.localParticipant.setMicrophoneEnabled(true, undefined, { preConnectBuffer: true });
  await new Promise((done) => setTimeout(done, 4_500));
  await room.connect(url, token);
  report.identity = room.localParticipant.identity;
  await microphone;
};
