import { playable } from "./sound";

/** Before the first piece of an answer, so that the next arrives in time. */
const LEAD_SECONDS = 0.08;

/** Plays pieces of sound one after another, and falls silent at once when it is told to. */
export class Speaker {
  private readonly playing = new Set<AudioBufferSourceNode>();
  private until = 0;

  constructor(
    private readonly context: AudioContext,
    private readonly rate: number,
    private readonly changed: (speaking: boolean) => void,
  ) {}

  play(frame: ArrayBuffer): void {
    const samples = playable(frame);
    if (samples.length === 0) return;
    const buffer = this.context.createBuffer(1, samples.length, this.rate);
    buffer.copyToChannel(samples, 0);
    const source = new AudioBufferSourceNode(this.context, { buffer });
    source.connect(this.context.destination);
    source.onended = () => this.ended(source);
    const begins = Math.max(this.until, this.context.currentTime + LEAD_SECONDS);
    this.until = begins + buffer.duration;
    this.playing.add(source);
    if (this.playing.size === 1) this.changed(true);
    source.start(begins);
  }

  /** Drops all that was received and not heard. */
  silence(): void {
    const left = [...this.playing];
    this.playing.clear();
    for (const source of left) source.stop();
    this.until = 0;
    this.changed(false);
  }

  private ended(source: AudioBufferSourceNode): void {
    if (this.playing.delete(source) && this.playing.size === 0) this.changed(false);
  }
}
