// The browser behind a call's ports: microphone, speaker, connections, clock.

import { Meter } from './audio/meter';
import type { Kind, Listener, Opened, Ports } from './call';
import type { Server } from './server';
import { CallError, fromMicrophone, INSECURE } from './trouble';
import * as webrtc from './webrtc';
import * as websocket from './websocket';

interface Devices {
  context: AudioContext;
  microphone: MediaStream;
  caller: Meter;
  agent: Meter;
  /** Plays the agent over WebRTC. */
  speaker: HTMLAudioElement;
  /** Plays the agent over WebSockets, one after the other: it leads to the meter and to the loudspeaker. */
  voice: AudioNode;
}

export class Browser implements Ports {
  private devices: Devices | null = null;
  private context: AudioContext | null = null;

  constructor(private readonly server: () => Server) {}

  /** In the handler of the press itself: browsers start audio for nothing less. */
  prepare(): void {
    this.context ??= new AudioContext({ latencyHint: 'interactive' });
    void this.context.resume();
  }

  /** Resolves without effect where the call was let go while the browser was still asking the person. */
  async microphone(): Promise<void> {
    if (!window.isSecureContext || !navigator.mediaDevices) throw new CallError(INSECURE);
    this.prepare();
    const { context } = this;
    const audio = { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 };
    const microphone = await navigator.mediaDevices.getUserMedia({ audio }).catch((error: unknown) => {
      throw new CallError(fromMicrophone(error));
    });
    if (!context || context !== this.context) {
      for (const track of microphone.getTracks()) track.stop();
      return;
    }
    const devices = {
      context,
      microphone,
      caller: new Meter(context),
      agent: new Meter(context),
      speaker: new Audio(),
      voice: context.createGain(),
    };
    devices.caller.watch(microphone);
    devices.agent.node.connect(silent(context));
    devices.voice.connect(devices.agent.node);
    devices.voice.connect(context.destination);
    devices.speaker.autoplay = true;
    this.devices = devices;
  }

  open(kind: Kind, resume: string | null, listener: Listener, signal: AbortSignal): Promise<Opened> {
    const devices = this.devices;
    if (!devices) return Promise.reject(new Error('no microphone'));
    if (kind === 'webrtc') return webrtc.open(this.server(), media(devices), resume, listener, signal);
    return websocket.open(
      this.server(),
      devices.context,
      devices.microphone,
      devices.voice,
      resume,
      listener,
      signal,
    );
  }

  release(): void {
    const { devices, context } = this;
    this.devices = null;
    this.context = null;
    void context?.close();
    if (!devices) return;
    for (const track of devices.microphone.getTracks()) track.stop();
    devices.speaker.srcObject = null;
    devices.voice.disconnect();
    devices.caller.close();
    devices.agent.close();
  }

  levels(): { caller: number; agent: number } {
    const devices = this.devices;
    return { caller: devices?.caller.level() ?? 0, agent: devices?.agent.level() ?? 0 };
  }

  now(): number {
    return performance.now();
  }

  after(ms: number, then: () => void): () => void {
    const timer = setTimeout(then, ms);
    return () => clearTimeout(timer);
  }
}

/** Browsers only run audio that leads somewhere; the WebRTC voice is already played by its element. */
function silent(context: AudioContext): AudioNode {
  const gain = context.createGain();
  gain.gain.value = 0;
  gain.connect(context.destination);
  return gain;
}

function media(devices: Devices): webrtc.Media {
  return {
    microphone: devices.microphone,
    play: (stream) => {
      devices.speaker.srcObject = stream;
      void devices.speaker.play().catch(() => undefined);
      devices.agent.watch(stream);
    },
    mute: (muted) => {
      for (const track of devices.microphone.getAudioTracks()) track.enabled = !muted;
    },
  };
}
