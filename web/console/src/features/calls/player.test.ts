import { describe, expect, it } from 'vitest';
import { type Piece, Player, type Sound } from './player';

/** A sound on the test's clock. */
class Fake implements Sound {
  playbackRate = 1;
  muted = false;
  paused = true;
  private position = 0;
  private since = 0;
  constructor(
    private readonly clock: { now: number },
    private readonly slowness = 1,
  ) {}
  get currentTime(): number {
    if (this.paused) return this.position;
    return this.position + ((this.clock.now - this.since) / 1000) * this.playbackRate * this.slowness;
  }
  set currentTime(value: number) {
    this.position = value;
    this.since = this.clock.now;
  }
  async play(): Promise<void> {
    this.since = this.clock.now;
    this.paused = false;
  }
  pause(): void {
    this.position = this.currentTime;
    this.paused = true;
  }
}

function scene() {
  const clock = { now: 0 };
  const piece = (leg: Piece['leg'], offsetMs: number, lengthMs: number, slowness = 1): Piece => ({
    leg,
    offsetMs,
    lengthMs,
    sound: new Fake(clock, slowness),
  });
  const run = (player: Player, ms: number) => {
    for (let passed = 0; passed < ms; passed += 20) {
      clock.now += 20;
      player.tick();
    }
  };
  return { clock, piece, run };
}

describe('the recordings of a call', () => {
  it('play together, each from its own offset', () => {
    const { clock, piece, run } = scene();
    const pieces = [piece('caller', 0, 4000), piece('agent', 1000, 2000)];
    const player = new Player(pieces, 5000, () => clock.now);
    player.play();
    run(player, 900);
    expect(pieces.map(({ sound }) => sound.paused)).toEqual([false, true]);
    run(player, 600);
    expect(pieces.map(({ sound }) => sound.paused)).toEqual([false, false]);
    expect(pieces[1]?.sound.currentTime).toBeCloseTo(0.5, 1);
    run(player, 5000);
    expect(player.get()).toMatchObject({ playing: false, atMs: 5000 });
  });
  it('are moved together, also into a gap', () => {
    const { clock, piece, run } = scene();
    const pieces = [piece('caller', 0, 1000), piece('caller', 3000, 1000)];
    const player = new Player(pieces, 4000, () => clock.now);
    player.seek(3500);
    expect(pieces[1]?.sound.currentTime).toBeCloseTo(0.5);
    player.seek(1500);
    player.play();
    run(player, 1000);
    expect(pieces.every(({ sound }) => sound.paused)).toBe(true);
    expect(player.get().atMs).toBeCloseTo(2500);
    run(player, 600);
    expect(pieces[1]?.sound.paused).toBe(false);
  });
  it('are heard from where they are asked for', () => {
    const { clock, piece, run } = scene();
    const pieces = [piece('caller', 0, 4000)];
    const player = new Player(pieces, 4000, () => clock.now);
    player.playFrom(1500);
    run(player, 500);
    expect(player.get()).toMatchObject({ playing: true });
    expect(player.get().atMs).toBeCloseTo(2000);
  });
  it('stay together when one of them stutters', () => {
    const { clock, piece, run } = scene();
    const pieces = [piece('caller', 0, 9000), piece('agent', 0, 9000, 0.9)];
    const player = new Player(pieces, 9000, () => clock.now);
    player.play();
    run(player, 6000);
    const [caller, agent] = pieces.map(({ sound }) => sound.currentTime);
    expect(Math.abs((caller ?? 0) - (agent ?? 9))).toBeLessThan(0.2);
  });
  it('begin again after the end, and play faster', () => {
    const { clock, piece, run } = scene();
    const player = new Player([piece('caller', 0, 1000)], 1000, () => clock.now);
    player.seek(1000);
    player.faster(2);
    player.play();
    run(player, 300);
    expect(player.get().atMs).toBeCloseTo(600);
    player.mute('caller', true);
    expect([...player.get().muted]).toEqual(['caller']);
  });
});
