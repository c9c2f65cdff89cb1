// Both legs of a call in one control, drawn one above the other.

import { ActionIcon, Button, NativeSelect } from '@mantine/core';
import { type RefObject, useEffect, useRef, useState, useSyncExternalStore } from 'react';
import { type Call, download, type Recording } from '../../server';
import { colourAt, PauseIcon, PlayIcon, useScheme } from '../../shell';
import { position } from '../../words';
import { heights, peaks, type Piece as Samples } from './peaks';
import { type Piece, Player } from './player';

const LEGS = ['caller', 'agent'] as const;
type Leg = (typeof LEGS)[number];

/** Samples for the picture alone; a machine with little memory must hold an hour of both legs. */
const DRAWN_HZ = 8_000;
/** Beyond this the picture costs more than it shows. */
const DRAWN_BYTES = 48_000_000;
const STEP_MS = 5_000;

function usePlayer(
  call: Call,
  parts: readonly Recording[],
  ready: (player: Player | null) => void,
): Player | null {
  const [player, setPlayer] = useState<Player | null>(null);
  // Sounds are the browser's: made with the page, silenced when it is left.
  // biome-ignore lint/correctness/useExhaustiveDependencies: the recordings of a call do not change
  useEffect(() => {
    const pieces: Piece[] = parts.map((part) => {
      const sound = new Audio(part.url);
      sound.preload = 'auto';
      return { leg: part.leg as Leg, offsetMs: part.offset_ms, lengthMs: part.length_ms, sound };
    });
    const end = Math.max(call.duration_ms, ...pieces.map((piece) => piece.offsetMs + piece.lengthMs));
    const made = new Player(pieces, end, () => performance.now());
    setPlayer(made);
    ready(made);
    return () => {
      made.pause();
      ready(null);
    };
  }, [call.id]);
  return player;
}

type Picture = { state: 'loading' | 'none' } | { state: 'drawn'; legs: Record<Leg, Samples[]> };

function usePicture(call: Call, parts: readonly Recording[]): Picture {
  const [picture, setPicture] = useState<Picture>({ state: 'loading' });
  // The files are fetched and decoded by the browser.
  // biome-ignore lint/correctness/useExhaustiveDependencies: the recordings of a call do not change
  useEffect(() => {
    let left = false;
    const size = parts.reduce((sum, part) => sum + part.bytes, 0);
    const decode = async () => {
      if (size > DRAWN_BYTES) return setPicture({ state: 'none' });
      const legs: Record<Leg, Samples[]> = { caller: [], agent: [] };
      for (const part of parts) {
        const file = await download(part.url);
        const audio = await new OfflineAudioContext(1, 1, DRAWN_HZ).decodeAudioData(file);
        if (left) return;
        const samples = audio.getChannelData(0);
        legs[part.leg as Leg].push({ samples, rate: audio.sampleRate, offsetMs: part.offset_ms });
      }
      setPicture({ state: 'drawn', legs });
    };
    decode().catch(() => {
      if (!left) setPicture({ state: 'none' });
    });
    return () => {
      left = true;
    };
  }, [call.id]);
  return picture;
}

export function Recordings({
  call,
  parts,
  ready,
}: {
  call: Call;
  parts: readonly Recording[];
  ready: (player: Player | null) => void;
}) {
  const player = usePlayer(call, parts, ready);
  const picture = usePicture(call, parts);
  if (!player) return null;
  const legs = LEGS.filter((leg) => parts.some((part) => part.leg === leg));
  return <Control call={call} legs={legs} player={player} picture={picture} />;
}

function Control({
  call,
  legs,
  player,
  picture,
}: {
  call: Call;
  legs: readonly Leg[];
  player: Player;
  picture: Picture;
}) {
  const { playing, muted, rate, atMs } = useSyncExternalStore(player.subscribe, player.get);
  // Frames are the screen's.
  useEffect(() => {
    if (!playing) return;
    let frame = 0;
    const next = () => {
      player.tick();
      frame = requestAnimationFrame(next);
    };
    frame = requestAnimationFrame(next);
    // A page in the background gets no frames, and is still heard.
    const slow = setInterval(() => player.tick(), 500);
    return () => {
      cancelAnimationFrame(frame);
      clearInterval(slow);
    };
  }, [playing, player]);
  const shown = Math.floor(atMs / 100) * 100;
  return (
    <section className="card player" aria-label="Recording" data-testid="player" data-playing={playing}>
      <div className="row">
        <ActionIcon
          variant="filled"
          radius={99}
          onClick={() => (playing ? player.pause() : player.play())}
          aria-label={playing ? 'Pause' : 'Play'}
          data-testid="play"
        >
          {playing ? <PauseIcon /> : <PlayIcon />}
        </ActionIcon>
        <span className="number" data-testid="position" data-ms={Math.round(atMs)}>
          {position(shown)} <span className="quiet">/ {position(player.lengthMs)}</span>
        </span>
        <span className="row legs">
          {legs.map((leg) => (
            <Button
              key={leg}
              variant="subtle"
              className="leg"
              leftSection={<span className={`swatch ${leg}`} />}
              aria-pressed={!muted.has(leg)}
              onClick={() => player.mute(leg, !muted.has(leg))}
              title={muted.has(leg) ? 'Switched off' : 'Heard'}
            >
              {leg === 'caller' ? 'Caller' : 'Agent'}
            </Button>
          ))}
          <NativeSelect
            aria-label="Speed"
            value={String(rate)}
            onChange={(event) => player.faster(Number(event.currentTarget.value))}
            data={['1', '1.25', '1.5', '2'].map((value) => ({ value, label: `${value}×` }))}
          />
        </span>
      </div>
      <Waveform call={call} player={player} picture={picture} legs={legs} />
      <input
        className="hidden-slider"
        type="range"
        min={0}
        max={Math.round(player.lengthMs)}
        step={100}
        value={shown}
        aria-label="Position in the recording"
        aria-valuetext={position(shown)}
        onChange={(event) => player.seek(Number(event.currentTarget.value))}
        onKeyDown={(event) => {
          const step = { ArrowLeft: -STEP_MS, ArrowRight: STEP_MS }[event.key];
          if (step === undefined) return;
          event.preventDefault();
          player.seek(player.get().atMs + step);
        }}
        data-testid="seek"
      />
    </section>
  );
}

const LANE = 38;
const BAR = 2;
const GAP = 1;

function Waveform({
  call,
  player,
  picture,
  legs,
}: {
  call: Call;
  player: Player;
  picture: Picture;
  legs: readonly Leg[];
}) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const scheme = useScheme();
  useDrawing(canvas, call, player, picture, legs, scheme);
  const words = {
    loading: 'Drawing…',
    none: 'The sound is there; its picture could not be drawn.',
    drawn: '',
  }[picture.state];
  return (
    <div className="wave">
      {/* The slider below does the same for keys. */}
      {/* biome-ignore lint/a11y/noAriaHiddenOnFocusable: a canvas takes no focus */}
      <canvas
        ref={canvas}
        height={LANE * legs.length}
        data-testid="waveform"
        data-state={picture.state}
        aria-hidden="true"
        onPointerDown={(event) => {
          const { left, width } = event.currentTarget.getBoundingClientRect();
          player.seek(((event.clientX - left) / width) * player.lengthMs);
        }}
      />
      {words && <p className="quiet small">{words}</p>}
    </div>
  );
}

function useDrawing(
  canvas: RefObject<HTMLCanvasElement | null>,
  call: Call,
  player: Player,
  picture: Picture,
  legs: readonly Leg[],
  scheme: string,
): void {
  // The canvas is drawn by hand, when its width, the picture or the position changes.
  // biome-ignore lint/correctness/useExhaustiveDependencies: the scheme changes the colours that are read
  useEffect(() => {
    const element = canvas.current;
    const context = element?.getContext('2d');
    if (!element || !context) return;
    const resolved = (token: string) => colourAt(element, token);
    const colours = {
      caller: resolved('--endpointing'),
      agent: resolved('--accent'),
      head: resolved('--ink'),
      silence: resolved('--warn-soft'),
      line: resolved('--line'),
    };
    let bars: Record<Leg, Float32Array> | null = null;
    let width = 0;
    const measure = () => {
      width = element.clientWidth;
      const ratio = window.devicePixelRatio || 1;
      element.width = Math.round(width * ratio);
      element.height = Math.round(LANE * legs.length * ratio);
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      const columns = Math.max(1, Math.floor(width / (BAR + GAP)));
      const of = (leg: Leg) =>
        picture.state === 'drawn'
          ? heights(peaks(picture.legs[leg], columns, player.lengthMs))
          : new Float32Array(0);
      bars = { caller: of('caller'), agent: of('agent') };
      draw();
    };
    const x = (ms: number) => (ms / player.lengthMs) * width;
    const draw = () => {
      if (!bars) return;
      const { atMs } = player.get();
      context.clearRect(0, 0, width, LANE * legs.length);
      context.fillStyle = colours.silence;
      for (const { at_ms, length_ms } of call.dead_air) {
        // It is told of when it ends.
        context.fillRect(x(at_ms - length_ms), 0, Math.max(2, x(length_ms)), LANE * legs.length);
      }
      for (const [lane, leg] of legs.entries()) {
        const middle = lane * LANE + LANE / 2;
        for (const [column, height] of bars[leg].entries()) {
          const left = column * (BAR + GAP);
          const tall = Number.isNaN(height) ? 0 : Math.max(1, height * (LANE - 6));
          context.globalAlpha = left < x(atMs) ? 1 : 0.42;
          context.fillStyle = Number.isNaN(height) ? colours.line : colours[leg];
          context.fillRect(left, middle - tall / 2, BAR, tall);
        }
      }
      context.globalAlpha = 1;
      context.fillStyle = colours.head;
      context.fillRect(Math.min(width - 1.5, x(atMs)), 0, 1.5, LANE * legs.length);
    };
    measure();
    const sized = new ResizeObserver(measure);
    sized.observe(element);
    const stop = player.subscribe(draw);
    return () => {
      sized.disconnect();
      stop();
    };
  }, [canvas, call, player, picture, legs.length, scheme]);
}
