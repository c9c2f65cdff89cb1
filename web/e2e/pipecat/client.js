// The published Pipecat client, as its documentation uses it. What it reports is written down in `window.report`.

import { PipecatClient } from '@pipecat-ai/client-js';
import { WavMediaManager as RtcMedia, SmallWebRTCTransport } from '@pipecat-ai/small-webrtc-transport';
import {
  ProtobufFrameSerializer,
  WavMediaManager,
  WebSocketTransport,
} from '@pipecat-ai/websocket-transport';

/**
 * The media manager that both transports use by default loads code from another host. The one here records at 24 kHz
 * unless told otherwise, while the socket's transport names 16 kHz as the rate of what it sends: they must agree.
 */
const transports = {
  webrtc: () => new SmallWebRTCTransport({ mediaManager: new RtcMedia() }),
  websocket: () =>
    new WebSocketTransport({
      serializer: new ProtobufFrameSerializer(),
      mediaManager: new WavMediaManager(512, 16_000),
    }),
};

window.report = {
  states: [],
  ready: null,
  user: [],
  output: [],
  transcripts: [],
  speaking: [],
  tracks: [],
  errors: [],
  disconnected: false,
};
const { report } = window;

window.connect = async (transport) => {
  const client = new PipecatClient({
    transport: transports[transport](),
    enableMic: true,
    enableCam: false,
    callbacks: {
      onTransportStateChanged: (state) => report.states.push(state),
      onBotReady: (data) => {
        report.ready = data;
      },
      onUserTranscript: (data) => report.user.push(data),
      onBotOutput: (data) => report.output.push(data),
      onBotTranscript: (data) => report.transcripts.push(data),
      onBotStartedSpeaking: () => report.speaking.push('started'),
      onBotStoppedSpeaking: () => report.speaking.push('stopped'),
      onTrackStarted: (track, participant) => {
        report.tracks.push({ kind: track.kind, local: participant?.local ?? null });
        if (track.kind !== 'audio' || participant?.local) return;
        const audio = new Audio();
        audio.srcObject = new MediaStream([track]);
        void audio.play();
      },
      onError: (message) => report.errors.push(message),
      onDisconnected: () => {
        report.disconnected = true;
      },
    },
  });
  window.client = client;
  await client.startBotAndConnect({
    endpoint: `${location.origin}/start`,
    requestData: { transport, body: { agent: 'front-desk' } },
  });
};
